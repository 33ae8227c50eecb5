package payload

import (
	"bytes"
	"encoding/json"
)

// What a compiled template takes besides its text, in bytes.
const (
	partBytes = 96 // of each placeholder
	nodeBytes = 64 // of each node of the tree of paths
	mapBytes  = 320
	itemBytes = 48 // of each entry of a map
)

// Memory returns about how many bytes the compiled template takes.
func (t *Template) Memory() int {
	size := t.literal + len(t.parts)*partBytes + len(t.paths)*nodeBytes
	for i := range t.paths {
		n := &t.paths[i]
		if n.members != nil {
			size += mapBytes + len(n.members)*itemBytes
		}
		if n.items != nil {
			size += mapBytes + len(n.items)*itemBytes
		}
	}
	return size
}

// MaxMemory returns a bound of [Template.Memory] for a template that is not compiled. Paths may take many times what their text takes.
func MaxMemory(template json.RawMessage) int {
	const perNode = partBytes + nodeBytes + 2*(mapBytes+itemBytes)
	escapes := bytes.Count(template, []byte(`\u`)) // of braces or full stops, perhaps
	return len(template) + perNode*(1+bytes.Count(template, []byte("{{"))+bytes.Count(template, []byte("."))+escapes)
}
