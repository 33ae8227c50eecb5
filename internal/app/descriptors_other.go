//go:build !unix

package app

// maxConnections is 0: there is no bound that could be asked for.
func maxConnections() int { return 0 }
