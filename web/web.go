// Package web is the dashboard's page as it was built. The rest of this folder is its source.
package web

import (
	"embed"
	"io/fs"
)

// dist is what `make web` builds. In a tree where it was not there is only a placeholder, so that the binary can be built
// without Node.
//
//go:embed all:dist
var dist embed.FS

// Page gives the files of the page; index.html is missing when it was not built.
func Page() fs.FS {
	page, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the name is invalid, which it is not
	}
	return page
}
