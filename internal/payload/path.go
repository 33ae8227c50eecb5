package payload

import (
	"cmp"
	"slices"
	"strings"
)

// paths are all the paths of a template as one tree, so that one pass over a body finds all their values. The nodes are in breadth-first
// order: the first is the body itself, a parent precedes its children, and the children of a node are consecutive and sorted by
// compareSegments. A node takes 8 bytes and its name, because the author of a template chooses how many there are.
type paths struct {
	nodes []node // with one more at the end, which ends the last node's children
	names string // of all nodes
}

type node struct {
	name  uint32 // where the node's name begins in names; it ends where the next node's begins
	first uint32 // the first child; the last one precedes the next node's first child
}

// span is where a value stands in a body; empty if there is none.
type span struct{ start, end uint32 }

func (s span) len() int { return int(s.end - s.start) }

// holds reports whether the other span lies within this one.
func (s span) holds(other span) bool { return s.start <= other.start && other.end <= s.end }

// count returns the number of nodes.
func (p *paths) count() int { return max(0, len(p.nodes)-1) }

func (p *paths) name(at int) string { return p.names[p.nodes[at].name:p.nodes[at+1].name] }

// children returns the first child of a node, and the node after the last one.
func (p *paths) children(at int) (first, end int) {
	return int(p.nodes[at].first), int(p.nodes[at+1].first)
}

// child returns the child with this name.
func (p *paths) child(at int, name []byte) (child int, ok bool) {
	_, isIndex := asIndex(name)
	first, end := p.children(at)
	for first < end {
		middle := int(uint(first+end) / 2)
		present := p.name(middle)
		_, presentIsIndex := asIndex(present)
		switch c := compareKinds(presentIsIndex, isIndex, len(present), len(name)); {
		case c == 0 && present == string(name):
			return middle, true
		case c < 0 || c == 0 && present < string(name):
			first = middle + 1
		default:
			end = middle
		}
	}
	return 0, false
}

// compareKinds orders the names of children: indexes come first, and then short names. So indexes are in the order of numbers. It returns
// 0 for names whose bytes decide.
func compareKinds(aIsIndex, bIsIndex bool, aLen, bLen int) int {
	switch {
	case aIsIndex == bIsIndex:
		return aLen - bLen
	case aIsIndex:
		return -1
	}
	return 1
}

func compareSegments(a, b string) int {
	_, aIsIndex := asIndex(a)
	_, bIsIndex := asIndex(b)
	return cmp.Or(compareKinds(aIsIndex, bIsIndex, len(a), len(b)), strings.Compare(a, b))
}

// comparePaths compares paths segment by segment; a path precedes the longer paths that begin with it.
func comparePaths(a, b string) int {
	for {
		segmentA, restA, _ := strings.Cut(a, ".")
		segmentB, restB, _ := strings.Cut(b, ".")
		if c := compareSegments(segmentA, segmentB); c != 0 {
			return c
		}
		if restA == "" || restB == "" {
			return len(restA) - len(restB)
		}
		a, b = restA, restB
	}
}

// asIndex reads an index as JSON would write it. Nine digits are more than any body has items.
func asIndex[S string | []byte](segment S) (int, bool) {
	if len(segment) == 0 || len(segment) > 9 || len(segment) > 1 && segment[0] == '0' {
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
func (p *paths) find(body []byte, values []span) {
	if p.count() == 0 {
		return
	}
	p.walk(0, body, skipSpace(body, 0), values)
	for parent := range p.count() {
		first, end := p.children(parent)
		for child := first; child < end; child++ {
			if !values[parent].holds(values[child]) {
				values[child] = span{}
			}
		}
	}
}

// walk sets the spans of a node whose value starts at pos, and of all the nodes below it, and returns the value's end.
// It goes no deeper than the tree; it skips what no path leads to.
func (p *paths) walk(at int, body []byte, pos int, values []span) int {
	first, end := p.children(at)
	after := 0
	switch {
	case pos < len(body) && body[pos] == '{' && first < end:
		after = p.walkObject(at, body, pos, values)
	case pos < len(body) && body[pos] == '[' && first < end:
		after = p.walkArray(at, body, pos, values)
	default:
		after = skipValue(body, pos)
	}
	values[at] = span{uint32(pos), uint32(after)} //nolint:gosec // bodies are far below 4 GiB
	return after
}

func (p *paths) walkObject(at int, body []byte, pos int, values []span) int {
	var room [64]byte
	members := cursor{data: body, pos: pos + 1}
	for members.nextMember() {
		if child, ok := p.child(at, decodedKey(room[:0], members.key)); ok {
			members.pos = p.walk(child, body, members.pos, values)
		} else {
			members.skipValue()
		}
	}
	return members.pos
}

// walkArray follows the children whose names are indexes. They are the first ones, in the order of numbers.
func (p *paths) walkArray(at int, body []byte, pos int, values []span) int {
	child, end := p.children(at)
	items := cursor{data: body, pos: pos + 1}
	for index, next := 0, p.index(child, end); items.nextItem(); index++ {
		if index != next {
			items.skipValue()
			continue
		}
		items.pos = p.walk(child, body, items.pos, values)
		child++
		next = p.index(child, end)
	}
	return items.pos
}

// index returns the index that a child's name is; -1 if there is none, or no more children.
func (p *paths) index(child, end int) int {
	if child < end {
		if index, ok := asIndex(p.name(child)); ok {
			return index
		}
	}
	return -1
}

// pathRange is the paths of a level of the tree that share a node: list[from:to], which are equal up to the byte at prefix.
type pathRange struct{ from, to, prefix uint32 }

// build makes the tree of sorted paths without duplicates, and returns the node of each.
func build(list []string) (tree paths, ends []uint32) {
	nodes, bytes := measure(list)
	tree.nodes = make([]node, 1, nodes+2)
	names := make([]byte, 0, bytes)
	ends = make([]uint32, len(list))
	level := []pathRange{{to: uint32(len(list))}} //nolint:gosec // MaxTemplateBytes bounds it, and everything below
	for at := 0; len(level) > 0; {
		var below []pathRange
		for _, r := range level {
			tree.nodes[at].first = uint32(len(tree.nodes)) //nolint:gosec // see above
			for i := r.from; i < r.to; {
				rest := list[i][min(int(r.prefix), len(list[i])):]
				if rest == "" { // the path ends at this node
					ends[i] = uint32(at)
					i++
					continue
				}
				segment, _, _ := strings.Cut(rest, ".")
				group := pathRange{from: i, prefix: r.prefix + uint32(len(segment)) + 1} //nolint:gosec // see above
				for i++; i < r.to && hasSegment(list[i][r.prefix:], segment); i++ {
				}
				group.to = i
				below = append(below, group)
				tree.nodes = append(tree.nodes, node{name: uint32(len(names))}) //nolint:gosec // see above
				names = append(names, segment...)
			}
			at++
		}
		level = below
	}
	tree.nodes = append(tree.nodes, node{name: uint32(len(names)), first: uint32(len(tree.nodes))}) //nolint:gosec // see above
	tree.names = string(names)
	return tree, ends
}

// hasSegment reports whether a path begins with this segment.
func hasSegment(path, segment string) bool {
	return strings.HasPrefix(path, segment) && (len(path) == len(segment) || path[len(segment)] == '.')
}

// measure returns how many nodes sorted paths make besides the root, and how many bytes their names have.
func measure(list []string) (nodes, bytes int) {
	before := ""
	for _, path := range list {
		rest := path
		for rest != "" {
			segment, after, _ := strings.Cut(rest, ".")
			if !hasSegment(before, segment) {
				break
			}
			before, rest = strings.TrimPrefix(before[len(segment):], "."), after
		}
		if rest != "" {
			separators := strings.Count(rest, ".")
			nodes, bytes = nodes+separators+1, bytes+len(rest)-separators
		}
		before = path
	}
	return nodes, bytes
}

// sortPaths returns the paths sorted and without duplicates.
func sortPaths(list []string) []string {
	slices.SortFunc(list, comparePaths)
	return slices.Compact(list)
}
