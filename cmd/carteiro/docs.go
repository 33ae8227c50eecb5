package main

import (
	"github.com/carteiro/carteiro/api"
	pages "github.com/carteiro/carteiro/docs"
	"github.com/carteiro/carteiro/internal/docs"
)

type docsCommand struct {
	Out string `required:"" env:"-" type:"path" placeholder:"DIR" help:"Folder to write to; it must be empty or not exist."`
}

// Help says more than fits a line.
func (*docsCommand) Help() string {
	return `The same pages that a running server shows at /docs, as files that any web server can serve, under any path.

	carteiro docs --out site`
}

// Run writes the site.
func (c *docsCommand) Run() error {
	site, err := docs.Build(pages.Pages, api.OpenAPI)
	if err != nil {
		return err
	}
	return site.Write(c.Out)
}
