package payload

// Walker walks the members of an object, or the items of an array, in JSON that is known to be valid: see [CheckObject].
// In anything else it stops early. What it gives shares the memory of the data.
type Walker struct {
	cursor cursor
	// Key is an object's member's name as it stands between its quotes, escapes and all.
	Key []byte
	// Value is the member's or item's value as it stands.
	Value []byte
}

// Walk gives a walker before the first member of the object, or the first item of the array, that data is.
func Walk(data []byte) Walker {
	return Walker{cursor: cursor{data: data, pos: min(skipSpace(data, 0)+1, len(data))}}
}

// NextMember moves to the next member of an object and reports whether there is one.
func (w *Walker) NextMember() bool {
	if !w.cursor.nextMember() {
		return false
	}
	w.Key = w.cursor.key
	w.take()
	return true
}

// NextItem moves to the next item of an array and reports whether there is one.
func (w *Walker) NextItem() bool {
	if !w.cursor.nextItem() {
		return false
	}
	w.take()
	return true
}

func (w *Walker) take() {
	start := w.cursor.pos
	w.cursor.skipValue()
	w.Value = w.cursor.data[start:w.cursor.pos]
}
