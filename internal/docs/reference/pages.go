package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
)

// together are the tags whose few calls share a page, and its name.
var together = map[string]string{"Overview": "overview.md", "Session": "overview.md", "Server": "overview.md"}

// file is the page of a tag.
func file(tag string) string {
	if name := together[tag]; name != "" {
		return name
	}
	return anchor(tag) + ".md"
}

// anchor is the id of a heading, as GitHub makes it: of letters, digits and hyphens.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, heading)
}

// call is an operation with what its path gives it.
type call struct {
	method, path string
	parameters   openapi3.Parameters
	*openapi3.Operation
}

// calls are the operations of a tag, by path and method.
func calls(d *openapi3.T, tag string) (found []call) {
	paths := d.Paths.Map()
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path]
		base := d.Servers[0].URL
		if len(item.Servers) > 0 {
			base = strings.TrimSuffix(item.Servers[0].URL, "/")
		}
		operations := item.Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			if o := operations[method]; slices.Contains(o.Tags, tag) {
				found = append(found, call{method, base + path, slices.Concat(item.Parameters, o.Parameters), o})
			}
		}
	}
	return found
}

// pages are the pages of the reference by their names.
func pages(d *openapi3.T) map[string]string {
	written := map[string]string{"errors.md": errorsPage(d), "schemas.md": schemasPage(d)}
	var index strings.Builder
	index.WriteString(generated + "# API reference\n\n" + d.Info.Description + "\n" +
		"These pages are made from the [OpenAPI 3.1 document](../../api/openapi.yaml), which a server serves at " +
		"`/openapi.yaml`. [Schemas](schemas.md) describes the bodies, [errors](errors.md) the refusals.\n")
	for _, tag := range d.Tags {
		page := written[file(tag.Name)]
		if page == "" {
			page = generated + "# " + tag.Name + "\n\n" + tag.Description + "\n"
		}
		fmt.Fprintf(&index, "\n## %s\n\n%s\n\n| call | |\n|---|---|\n", tag.Name, tag.Description)
		for _, c := range calls(d, tag.Name) {
			fmt.Fprintf(&index, "| `%s %s` | [%s](%s#%s) |\n", c.method, c.path, c.Summary, file(tag.Name), heading(c))
			page += c.section()
		}
		written[file(tag.Name)] = page
	}
	written["README.md"] = index.String()
	return written
}

const generated = "<!-- Generated from api/openapi.yaml by make generate. Do not edit. -->\n\n"

// heading is the id of a call's heading.
func heading(c call) string {
	return strings.Map(func(r rune) rune {
		if r == '\'' || r == ',' {
			return -1
		}
		return r
	}, anchor(c.Summary))
}

// section describes one call.
func (c call) section() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s\n\n```http\n%s %s\n```\n\n%s\n", c.Summary, c.method, c.path, c.Description)
	if scopes := c.scopes(); len(scopes) > 0 {
		fmt.Fprintf(&b, "\nNeeds a token with the scope `%s`.\n", strings.Join(scopes, "` and the scope `"))
	}
	if len(c.parameters) > 0 {
		b.WriteString("\n| parameter | in | type | |\n|---|---|---|---|\n")
		for _, p := range c.parameters {
			required := ""
			if p.Value.Required {
				required = "**Required.** "
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p.Value.Name, p.Value.In, kind(p.Value.Schema), cell(required+p.Value.Description))
		}
	}
	if c.RequestBody != nil {
		for _, media := range slices.Sorted(maps.Keys(c.RequestBody.Value.Content)) {
			content := c.RequestBody.Value.Content[media]
			fmt.Fprintf(&b, "\n**Body**, `%s`: %s\n", media, kind(content.Schema))
			b.WriteString(examples(content))
		}
	}
	b.WriteString("\n| status | answer |\n|---|---|\n")
	answers := c.Responses.Map()
	var shown string
	for _, status := range slices.Sorted(maps.Keys(answers)) {
		answer := answers[status]
		if name := component(answer.Ref); name != "" && status >= "400" {
			fmt.Fprintf(&b, "| %s | [%s](errors.md#%s) |\n", status, words(name), anchor(words(name)))
			continue
		}
		text := cell(*answer.Value.Description)
		for _, media := range slices.Sorted(maps.Keys(answer.Value.Content)) {
			content := answer.Value.Content[media]
			text += " " + kind(content.Schema)
			if status < "300" {
				shown += examples(content)
			}
		}
		fmt.Fprintf(&b, "| %s | %s |\n", status, text)
	}
	return b.String() + shown
}

// scopes are those that a token needs for the call; none where it needs no token, or any will do.
func (c call) scopes() []string {
	if c.Security == nil {
		return nil
	}
	for _, requirement := range *c.Security {
		if scopes, asked := requirement["environmentToken"]; asked {
			return scopes
		}
	}
	return nil
}

// examples shows the examples of a body.
func examples(m *openapi3.MediaType) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.Examples)) {
		example := m.Examples[name].Value
		if example.Summary != "" {
			fmt.Fprintf(&b, "\n%s:\n", strings.TrimSuffix(example.Summary, "."))
		}
		language, text := "text", ""
		if s, ok := example.Value.(string); ok {
			text = strings.TrimSuffix(s, "\n")
		} else {
			indented, err := json.MarshalIndent(example.Value, "", "  ")
			if err != nil {
				panic(err) // it was read from YAML that has no more than JSON has
			}
			language, text = "json", string(indented)
		}
		fmt.Fprintf(&b, "\n```%s\n%s\n```\n", language, text)
	}
	return b.String()
}

// errorsPage describes the shared answers.
func errorsPage(d *openapi3.T) string {
	var b strings.Builder
	b.WriteString(generated + "# Errors\n\nThe refusals that calls share. What to do about them: [troubleshooting](../troubleshooting.md).\n")
	for _, name := range slices.Sorted(maps.Keys(d.Components.Responses)) {
		answer := d.Components.Responses[name].Value
		content := answer.Content.Get("application/json")
		if content == nil || content.Schema == nil {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\nBody: %s\n%s", words(name), strings.TrimSpace(*answer.Description), kind(content.Schema), examples(content))
	}
	return b.String()
}

// words are the words that a name in capitals is made of.
func words(name string) string {
	var b strings.Builder
	for i, r := range name {
		upper := r >= 'A' && r <= 'Z'
		if i > 0 && upper && (name[i-1] < 'A' || name[i-1] > 'Z') {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
