package payload

import (
	"bytes"
	"encoding/json"
)

// What a compiled template takes besides its text, in bytes.
const (
	templateBytes = 512
	partBytes     = 12 // of each placeholder
	nodeBytes     = 8  // of each node of the tree of paths
	spanBytes     = 8  // of each node, to render
)

// Memory returns about how many bytes the compiled template takes, and what it needs to render besides the body that it makes.
func (t *Template) Memory() int {
	return templateBytes + len(t.text) + len(t.paths.names) + len(t.parts)*partBytes + len(t.paths.nodes)*(nodeBytes+spanBytes)
}

// MaxMemory returns a bound of [Template.Memory] for a template that is not compiled: a small multiple of its text.
func MaxMemory(template json.RawMessage) int {
	escapes := bytes.Count(template, []byte(`\u`)) // of braces or full stops, perhaps
	placeholders := bytes.Count(template, []byte("{{")) + escapes
	segments := placeholders + bytes.Count(template, []byte("."))
	const escaped = 2 // a line separator takes three bytes, and six when it is escaped
	return templateBytes + escaped*len(template) + placeholders*partBytes + (segments+2)*(nodeBytes+spanBytes)
}

// CompileMemory returns a bound of how many bytes [Compile] allocates for a template, over all.
func CompileMemory(template json.RawMessage) int {
	const multiple = 32
	return templateBytes + multiple*len(template)
}
