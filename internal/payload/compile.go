package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What may be wrong with a placeholder; a [*PlaceholderError] wraps one of them.
var (
	// ErrUnclosed: a "{{" has no "}}" behind it in its string.
	ErrUnclosed = errors.New("placeholder is not closed")
	// ErrBraces: a placeholder holds a brace, as where one stands inside another.
	ErrBraces = errors.New("placeholder holds a brace")
	// ErrEmptyPath: a placeholder holds no path.
	ErrEmptyPath = errors.New("placeholder is empty")
	// ErrEmptySegment: a path begins or ends with a full stop, or holds two in a row.
	ErrEmptySegment = errors.New("placeholder's path has an empty segment")
	// ErrPathTooLong: a path has more than MaxPathSegments segments.
	ErrPathTooLong = fmt.Errorf("placeholder's path has more than %d segments", MaxPathSegments)
)

// PlaceholderError says which placeholder of a template cannot be parsed, and why.
type PlaceholderError struct {
	// Err is one of the sentinels above.
	Err error
	// Text is the placeholder from its opening braces on, cut off after some 64 bytes.
	Text string
}

// Error gives the fault and the placeholder.
func (e *PlaceholderError) Error() string { return fmt.Sprintf("%v: %q", e.Err, e.Text) }

// Unwrap gives the sentinel.
func (e *PlaceholderError) Unwrap() error { return e.Err }

func placeholderError(err error, text string) error {
	const longest = 64
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return &PlaceholderError{Err: err, Text: text}
}

// Compile reads a template. What can be wrong with it is an [*ObjectError] if it is no JSON object of at most
// [MaxTemplateBytes] and [MaxTemplateDepth], or a [*PlaceholderError]. A "}}" without a "{{" before it is text.
func Compile(raw json.RawMessage) (*Template, error) {
	if err := CheckObject(raw, Limits{MaxBytes: MaxTemplateBytes, MaxDepth: MaxTemplateDepth}); err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, fmt.Errorf("compact the template: %w", err)
	}
	var c compiler
	if err := c.object(compact.Bytes()); err != nil {
		return nil, err
	}
	return c.compiled(), nil
}

// compiler reads a template from left to right.
type compiler struct {
	text  []byte
	parts []part   // but for their nodes
	paths []string // of the parts
}

// compiled makes the template. It copies what has grown, so that no room is left over.
func (c *compiler) compiled() *Template {
	tree, nodes, sorted := paths{}, []uint32(nil), sortPaths(slices.Clone(c.paths))
	if len(sorted) > 0 {
		tree, nodes = build(sorted)
	}
	for i, path := range c.paths {
		n, _ := slices.BinarySearchFunc(sorted, path, comparePaths)
		c.parts[i].node = nodes[n]
	}
	return &Template{text: bytes.Clone(c.text), parts: slices.Clone(c.parts), paths: tree}
}

// object reads a whole template without white space: everything is text but the strings that hold placeholders.
func (c *compiler) object(src []byte) error {
	done := 0
	for pos := 0; ; {
		quote := bytes.IndexByte(src[pos:], '"')
		if quote < 0 {
			break
		}
		start := pos + quote
		pos = skipString(src, start)
		isName := pos < len(src) && src[pos] == ':'
		if isName {
			continue
		}
		decoded := string(appendDecoded(nil, src[start+1:pos-1]))
		if !strings.Contains(decoded, "{{") {
			continue
		}
		c.text = append(c.text, src[done:start]...)
		done = pos
		if err := c.str(decoded); err != nil {
			return err
		}
	}
	c.text = append(c.text, src[done:]...)
	return nil
}

// str reads a string that holds at least one placeholder.
func (c *compiler) str(s string) error {
	before, inside, after, err := cutPlaceholder(s)
	if err != nil {
		return err
	}
	if before == "" && after == "" {
		return c.placeholder(inside, false)
	}
	c.text = append(c.text, '"')
	for {
		c.text = appendEscaped(c.text, before)
		if err := c.placeholder(inside, true); err != nil {
			return err
		}
		if !strings.Contains(after, "{{") {
			break
		}
		if before, inside, after, err = cutPlaceholder(after); err != nil {
			return err
		}
	}
	c.text = appendEscaped(c.text, after)
	c.text = append(c.text, '"')
	return nil
}

// cutPlaceholder cuts s, which holds "{{", round its first placeholder.
func cutPlaceholder(s string) (before, inside, after string, err error) {
	open := strings.Index(s, "{{")
	inside, after, closed := strings.Cut(s[open+2:], "}}")
	switch {
	case !closed:
		return "", "", "", placeholderError(ErrUnclosed, s[open:])
	case strings.ContainsAny(inside, "{}"):
		return "", "", "", placeholderError(ErrBraces, s[open:])
	}
	return s[:open], inside, after, nil
}

// placeholder ends the text so far with a placeholder.
func (c *compiler) placeholder(inside string, inText bool) error {
	path, err := parsePath(inside)
	if err != nil {
		return err
	}
	c.parts = append(c.parts, part{end: uint32(len(c.text)), inText: inText}) //nolint:gosec // MaxTemplateBytes bounds it
	c.paths = append(c.paths, path)
	return nil
}

// parsePath returns a placeholder's path: its segments, none of them empty, separated by full stops.
func parsePath(inside string) (string, error) {
	path := strings.TrimSpace(inside)
	switch {
	case path == "":
		return "", placeholderError(ErrEmptyPath, "{{"+inside+"}}")
	case strings.Count(path, ".") >= MaxPathSegments:
		return "", placeholderError(ErrPathTooLong, "{{"+inside+"}}")
	case path[0] == '.' || path[len(path)-1] == '.' || strings.Contains(path, ".."):
		return "", placeholderError(ErrEmptySegment, "{{"+inside+"}}")
	}
	return path, nil
}
