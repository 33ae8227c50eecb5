package api

import (
	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const (
	// chunkBytes is about how many bytes of bodies are read at once for a page of the log.
	chunkBytes = 256 << 10
	// shownFactor is how much memory an entry takes, relative to its bodies, from being read until it is written: the bodies, their
	// text, and their JSON.
	shownFactor = 4
	// entryOverhead is what an entry counts for beside its bodies: its headers, most of all.
	entryOverhead = 8 << 10
)

// answerLogs answers with a page of the log that was listed without bodies. Bodies are read and written in chunks, each of which
// counts against the memory budget until the client has taken it, so that a page takes a few MiB however large it is and
// however slowly it is read. See [listWriter] for the parameters.
func (r *request) answerLogs(logs *store.LogPage, head, before string, more any, after string) error {
	l := r.newList(head)
	err := r.readLogs(logs, cutLogs(logs), func(a *carteiro.Attempt) error { return l.add(r.showLog(a)) })
	return l.end(err, before, more, after)
}

// chunk is a part of a page: entries from first up to but not including end, and the size of their bodies.
type chunk struct{ first, end, bytes int }

// cutLogs cuts a page into chunks of at least one entry.
func cutLogs(logs *store.LogPage) (chunks []chunk) {
	for i := range logs.Attempts {
		last, size := len(chunks)-1, logs.Sizes[i]+entryOverhead
		if last < 0 || chunks[last].bytes+size > chunkBytes {
			chunks, last = append(chunks, chunk{first: i}), last+1
		}
		chunks[last].end = i + 1
		chunks[last].bytes += size
	}
	return chunks
}

// readLogs reads the chunks one by one and shows each entry. The memory of a chunk is released when the next one is read, that
// of the last one when the request ends.
func (r *request) readLogs(logs *store.LogPage, chunks []chunk, show func(*carteiro.Attempt) error) error {
	for i, c := range chunks {
		need := int64(c.bytes) * shownFactor
		if r.status == 0 { // nothing is written yet
			if err := refusedMemory(r.account.Grow(need)); err != nil {
				return err
			}
		} else if err := r.account.Wait(r.Context(), need); err != nil {
			return err
		}
		ids := make([]carteiro.ID, 0, c.end-c.first)
		for _, a := range logs.Attempts[c.first:c.end] {
			ids = append(ids, a.ID)
		}
		attempts, err := r.readLarge(c.bytes, func() ([]*carteiro.Attempt, error) {
			return r.s.Store.GetLogs(r.Context(), logs.Attempts[c.first].WebhookID, ids)
		})
		if err != nil {
			return err
		}
		for _, a := range attempts {
			if err := show(a); err != nil {
				return err
			}
		}
		if i < len(chunks)-1 {
			r.account.Shrink(need)
		}
	}
	return nil
}

const (
	// largeRead is from how many bytes on a read is large.
	largeRead = 64 << 10
	// largeReads is how many large reads may go on at once, half of them for one environment: the connections to the database are few,
	// and publishing needs them, too.
	largeReads = 3
)

// readLarge runs a read of about so many bytes, after others if it is large.
func (r *request) readLarge(size int, read func() ([]*carteiro.Attempt, error)) ([]*carteiro.Attempt, error) {
	if size > largeRead {
		turn := r.s.reads.Open(r.environment)
		defer turn.Close()
		if err := turn.Wait(r.Context(), 1); err != nil {
			return nil, err
		}
	}
	return read()
}
