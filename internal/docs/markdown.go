package docs

import (
	"bytes"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// markdown is GitHub's, since that is where these files are read, too. Raw HTML is left out, and cells are aligned without
// inline style, which the pages' policy forbids.
var markdown = goldmark.New(
	goldmark.WithExtensions(
		extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
		extension.Strikethrough, extension.Linkify, extension.TaskList,
	),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
)

// render makes HTML of a page, with links to other pages in place of those to their files. The title is the first heading.
func render(source []byte) (title string, html []byte, err error) {
	root := markdown.Parser().Parse(text.NewReader(source), parser.WithContext(parser.NewContext(parser.WithIDs(make(anchors)))))
	err = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Heading:
			if n.Level == 1 && title == "" {
				title = plain(n, source)
			}
		case *ast.Link:
			if entering {
				n.Destination = []byte(linkTo(string(n.Destination)))
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return "", nil, err
	}
	var out bytes.Buffer
	if err := markdown.Renderer().Render(&out, source, root); err != nil {
		return "", nil, fmt.Errorf("render: %w", err)
	}
	// What is wider than a telephone scrolls by itself, with the keyboard too.
	scrolling := strings.NewReplacer(
		"<table>", `<div class="wide" tabindex="0"><table>`, "</table>", "</table></div>",
		"<pre>", `<pre tabindex="0">`,
		"<th></th>", "<td></td>", // Markdown's tables always have a head; an empty cell of it heads nothing
		"<!-- raw HTML omitted -->\n", "",
	)
	return title, []byte(scrolling.Replace(out.String())), nil
}

// plain is the text of a node without its markup.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // nothing in it fails
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// linkTo is where a link of a file leads on the site: to the page that a file of Markdown becomes. The document of the API
// lies beside the pages there.
func linkTo(destination string) string {
	file, fragment, _ := strings.Cut(destination, "#")
	if strings.Contains(file, ":") || file == "" {
		return destination
	}
	if path.Base(file) == documentName {
		return strings.Replace(destination, "../api/"+documentName, documentName, 1)
	}
	if fragment != "" {
		fragment = "#" + fragment
	}
	return pageName(file) + fragment
}

// pageName is the file that a file of Markdown becomes, and any other remains.
func pageName(file string) string {
	name, isMarkdown := strings.CutSuffix(file, ".md")
	switch {
	case !isMarkdown:
		return file
	case path.Base(name) == "README":
		return path.Join(path.Dir(name), "index.html")
	default:
		return name + ".html"
	}
}

// anchors makes the ids of a page's headings as GitHub does, so that a link to one works in both places. It holds how
// often each was made.
type anchors map[string]int

// Generate implements parser.IDs.
func (a anchors) Generate(value []byte, _ ast.NodeKind) []byte {
	id := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		default:
			return -1
		}
	}, strings.TrimSpace(string(value)))
	n := a[id]
	a[id]++
	if n > 0 {
		id += "-" + strconv.Itoa(n)
	}
	return []byte(id)
}

// Put implements parser.IDs.
func (a anchors) Put(value []byte) { a[string(value)]++ }
