//go:build !unix

package sqlite

// hasModes says that the mode of a file does not tell who can read it.
const hasModes = false
