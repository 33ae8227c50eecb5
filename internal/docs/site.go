// Package docs makes a site of the Markdown in docs/: pages in two languages with a table of contents, the same pages as
// Markdown for those who read that better, and llms.txt. It is served by the server, or written as files.
package docs

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// documentName is the OpenAPI document, beside the pages.
const documentName = "openapi.yaml"

var (
	//go:embed style.css
	style []byte
	//go:embed layout.html
	layoutText string
	layout     = template.Must(template.New("layout").Parse(layoutText))
)

// Site is the files of the site by their names, which have no slash at the beginning. Links between them are relative,
// so that it can lie anywhere.
type Site map[string][]byte

// source is a page before it is laid out.
type source struct {
	file, language, title string
	markdown, html        []byte
}

// Build makes the site of the files of docs/, and of the OpenAPI document. It fails when a page cannot be read or rendered.
func Build(files fs.FS, document []byte) (Site, error) {
	site := Site{"style.css": style, documentName: document}
	pages := make(map[string]*source)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) == ".go" {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		site[name] = content
		if path.Ext(name) != ".md" {
			return nil
		}
		page := &source{file: name, language: english, markdown: content}
		if strings.HasPrefix(name, portuguese+"/") {
			page.language = portuguese
		}
		pages[name] = page
		page.title, page.html, err = render(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("docs: %w", err)
	}
	for _, page := range pages {
		if site[pageName(page.file)], err = layOut(page, pages); err != nil {
			return nil, fmt.Errorf("docs: %s: %w", page.file, err)
		}
	}
	site[llmsName] = llms(pages, "")
	return site, nil
}

// A link of the layout. Its language is empty where it is that of the page.
type link struct {
	Title, To, Language string
	Current             bool
}

// group is a section of the navigation.
type group struct {
	Title string
	Links []link
}

// layOut puts a page between the table of contents and the links to its other forms.
func layOut(page *source, pages map[string]*source) ([]byte, error) {
	from := path.Dir(page.file)
	view := struct {
		Language, Title, Root, Home, Markdown string
		Words                                 map[string]string
		Contents                              []group
		Languages                             []link
		Body                                  template.HTML
	}{
		Language: page.language, Title: page.title, Root: relative(from, "."), Words: words[page.language],
		Home:     relative(from, pageName(inLanguage("README.md", page.language))),
		Markdown: path.Base(page.file), Contents: navigation(page, pages), Languages: languages(page, pages),
		Body: template.HTML(page.html), //nolint:gosec // our own pages, of which goldmark leaves raw HTML out
	}
	var out bytes.Buffer
	err := layout.Execute(&out, view)
	return out.Bytes(), err
}

// inLanguage is the file of a page in a language.
func inLanguage(file, language string) string {
	if language == portuguese {
		return path.Join(portuguese, file)
	}
	return file
}

// navigation is the table of contents as it stands on a page: in its language, and in English what is not there in it.
func navigation(page *source, pages map[string]*source) (groups []group) {
	for _, section := range withMore(pages) {
		g := group{Title: section.en}
		if page.language == portuguese {
			g.Title = section.pt
		}
		for _, entry := range section.entries {
			l := link{Title: entry.en}
			if page.language == portuguese {
				l.Title = entry.pt
			}
			file := inLanguage(entry.file, page.language)
			if pages[file] == nil {
				file, l.Language = entry.file, english
			}
			if pages[file] == nil {
				continue
			}
			l.To, l.Current = relative(path.Dir(page.file), pageName(file)), file == page.file
			g.Links = append(g.Links, l)
		}
		groups = append(groups, g)
	}
	return groups
}

// withMore is the table of contents, and at its end the pages that it does not name; decisions are not listed.
func withMore(pages map[string]*source) []section {
	named := make(map[string]bool)
	for _, section := range contents {
		for _, entry := range section.entries {
			named[entry.file] = true
		}
	}
	more := section{en: words[english]["more"], pt: words[portuguese]["more"]}
	for file, page := range pages {
		if !named[file] && page.language == english && !strings.HasPrefix(file, "decisions/") {
			more.entries = append(more.entries, entry{file: file, en: page.title, pt: page.title})
		}
	}
	if more.entries == nil {
		return contents
	}
	slices.SortFunc(more.entries, func(a, b entry) int { return strings.Compare(a.file, b.file) })
	return append(slices.Clone(contents), more)
}

// languages are the links to a page in each language in which it is; none when it is only in one.
func languages(page *source, pages map[string]*source) []link {
	file := strings.TrimPrefix(page.file, portuguese+"/")
	if pages[file] == nil || pages[inLanguage(file, portuguese)] == nil {
		return nil
	}
	links := []link{{Title: "English", Language: english}, {Title: "Português", Language: portuguese}}
	for i := range links {
		l := &links[i]
		l.To = relative(path.Dir(page.file), pageName(inLanguage(file, l.Language)))
		l.Current = l.Language == page.language
	}
	return links
}

// relative is the way from a folder of the site to a file of it.
func relative(from, to string) string {
	if from == "." {
		return to
	}
	way, err := filepath.Rel(filepath.FromSlash(from), filepath.FromSlash(to))
	if err != nil {
		panic(err) // both are names in one tree
	}
	return filepath.ToSlash(way)
}

// Write writes the site into a folder, which it makes. It removes nothing, and refuses a folder that holds something.
func (s Site) Write(to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil { //nolint:gosec // a site is for all to read
		return err
	}
	there, err := os.ReadDir(to)
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return fmt.Errorf("%s: %w", to, errNotEmpty)
	}
	for name, content := range s {
		file := filepath.Join(to, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // likewise
			return err
		}
		if err := os.WriteFile(file, content, 0o644); err != nil { //nolint:gosec // likewise
			return err
		}
	}
	return nil
}

// errNotEmpty keeps a site from being poured over something else, and pages that are gone from staying.
var errNotEmpty = errors.New("the folder is not empty")
