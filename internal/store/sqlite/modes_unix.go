//go:build unix

package sqlite

// hasModes says that the mode of a file tells who can read it.
const hasModes = true
