package payload

// paths are all the paths of a template as one tree, so that one pass over a body finds all their values. The first
// node is the body itself; a node's parent always stands before it.
type paths []node

type node struct {
	parent  int
	members map[string]int // the nodes below, by their segments
	items   map[int]int    // those of them whose segment can be an index
}

// span is where a value stands in a body; empty if there is none.
type span struct{ start, end int }

func (s span) len() int { return s.end - s.start }

// holds reports whether the other span lies within this one.
func (s span) holds(other span) bool { return s.start <= other.start && other.end <= s.end }

// add makes the path's nodes, where they are not there yet, and gives its last.
func (p *paths) add(segments []string) int {
	if len(*p) == 0 {
		*p = append(*p, node{})
	}
	at := 0
	for _, segment := range segments {
		at = p.child(at, segment)
	}
	return at
}

func (p *paths) child(parent int, segment string) int {
	n := &(*p)[parent]
	if child, ok := n.members[segment]; ok {
		return child
	}
	child := len(*p)
	if n.members == nil {
		n.members = map[string]int{}
	}
	n.members[segment] = child
	if index, ok := asIndex(segment); ok {
		if n.items == nil {
			n.items = map[int]int{}
		}
		n.items[index] = child
	}
	*p = append(*p, node{parent: parent})
	return child
}

// asIndex reads an index as JSON would write it. Nine digits are more than any body has items.
func asIndex(segment string) (int, bool) {
	if segment == "" || len(segment) > 9 || len(segment) > 1 && segment[0] == '0' {
		return 0, false
	}
	index := 0
	for i := range len(segment) {
		if !isDigit(segment[i]) {
			return 0, false
		}
		index = index*10 + int(segment[i]-'0')
	}
	return index, true
}

// find sets each node's span, of which there must be as many as nodes and all empty, to where its value is in body.
//
// If a name occurs twice the later value counts, and what was found below the earlier one must be forgotten. That is
// seen from the spans: what was found there does not lie within the value that counts. Forgetting it on the spot would
// make a body of many repetitions cost as much as their number times the tree's size.
func (p paths) find(body []byte, values []span) {
	if len(p) == 0 {
		return
	}
	p.walk(0, body, skipSpace(body, 0), values)
	for i := 1; i < len(p); i++ {
		if !values[p[i].parent].holds(values[i]) {
			values[i] = span{}
		}
	}
}

// walk sets the spans of a node whose value starts at pos, and of all the nodes below it, and gives the value's end.
// It goes no deeper than the tree; what no path leads to is skipped.
func (p paths) walk(at int, body []byte, pos int, values []span) int {
	n := &p[at]
	end := 0
	switch {
	case pos < len(body) && body[pos] == '{' && n.members != nil:
		end = p.walkObject(n, body, pos, values)
	case pos < len(body) && body[pos] == '[' && n.items != nil:
		end = p.walkArray(n, body, pos, values)
	default:
		end = skipValue(body, pos)
	}
	values[at] = span{pos, end}
	return end
}

func (p paths) walkObject(n *node, body []byte, pos int, values []span) int {
	var room [64]byte
	members := cursor{data: body, pos: pos + 1}
	for members.nextMember() {
		if child, ok := n.members[string(decodedKey(room[:0], members.key))]; ok {
			members.pos = p.walk(child, body, members.pos, values)
		} else {
			members.skipValue()
		}
	}
	return members.pos
}

func (p paths) walkArray(n *node, body []byte, pos int, values []span) int {
	items := cursor{data: body, pos: pos + 1}
	for index := 0; items.nextItem(); index++ {
		if child, ok := n.items[index]; ok {
			items.pos = p.walk(child, body, items.pos, values)
		} else {
			items.skipValue()
		}
	}
	return items.pos
}
