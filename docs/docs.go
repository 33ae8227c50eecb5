// Package docs is what there is to read about Carteiro, as Markdown: these files are the pages of the site at /docs.
package docs

import "embed"

// Pages are the pages and their pictures, under the names that they have in this folder: English at the top, Brazilian
// Portuguese in pt-BR, the API reference (generated) in reference, and the decisions.
//
//go:embed *.md pt-BR/*.md reference/*.md decisions/*.md images
var Pages embed.FS
