package api

import (
	"bytes"
	"encoding/json"
	"net/http"

	"carteiro"
	"carteiro/internal/store"
)

const (
	// chunkBytes is about how many bytes of bodies are read at once for a page of the log.
	chunkBytes = 256 << 10
	// shownFactor is how much memory an entry takes, relative to its bodies, from being read until it is written: the bodies, their
	// text, and their JSON.
	shownFactor = 4
)

// answerLogs answers with a page of the log that was listed without bodies. Bodies are read and written in chunks, each of which
// counts against the memory budget until the client has taken it, so that a page takes a few MiB however large it is and
// however slowly it is read. A page of one chunk is answered as any other.
func (r *request) answerLogs(logs *store.LogPage, p *page) error {
	chunks := cutLogs(logs)
	if len(chunks) <= 1 {
		shown, err := r.showPage(logs, chunks)
		if err != nil {
			return err
		}
		return r.answer(http.StatusOK, answer{Data: shown, Pagination: p})
	}
	return r.streamPage(logs, chunks, p)
}

// chunk is a part of a page: entries from first up to but not including end, and the size of their bodies.
type chunk struct{ first, end, bytes int }

// cutLogs cuts a page into chunks of at least one entry.
func cutLogs(logs *store.LogPage) (chunks []chunk) {
	for i := range logs.Attempts {
		last := len(chunks) - 1
		if last < 0 || chunks[last].bytes+logs.Sizes[i] > chunkBytes {
			chunks, last = append(chunks, chunk{first: i}), last+1
		}
		chunks[last].end = i + 1
		chunks[last].bytes += logs.Sizes[i]
	}
	return chunks
}

// showPage reads all chunks at once.
func (r *request) showPage(logs *store.LogPage, chunks []chunk) ([]logShown, error) {
	shown := []logShown{}
	err := r.readLogs(logs, chunks, func(a *carteiro.Attempt) error {
		shown = append(shown, r.showLog(a))
		return nil
	})
	return shown, err
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
		attempts, err := r.s.Store.GetLogs(r.Context(), logs.Attempts[c.first].WebhookID, ids)
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

// streamPage writes the page while it reads it. If that fails midway the connection is cut, so that the client does not take what
// it has got for the whole page.
func (r *request) streamPage(logs *store.LogPage, chunks []chunk, p *page) error {
	begun := false
	begin := func() error {
		if begun {
			_, err := r.w.Write([]byte(","))
			return err
		}
		begun = true
		r.beginJSON()
		_, err := r.w.Write([]byte(`{"success":true,"data":[`))
		return err
	}
	pooled := buffers.Get().(*[]byte)
	buffer := bytes.NewBuffer((*pooled)[:0])
	defer func() { putBuffer(pooled, buffer.Bytes()) }()
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	err := r.readLogs(logs, chunks, func(a *carteiro.Attempt) error {
		buffer.Reset()
		if err := encoder.Encode(r.showLog(a)); err != nil {
			return err
		}
		if err := begin(); err != nil {
			return err
		}
		_, err := r.w.Write(bytes.TrimSuffix(buffer.Bytes(), []byte{'\n'}))
		return err
	})
	if err != nil && !begun {
		return err
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if !begun { // all entries were purged meanwhile
		return r.answer(http.StatusOK, answer{Data: []logShown{}, Pagination: p})
	}
	buffer.Reset()
	if err := encoder.Encode(p); err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = r.w.Write(append(append([]byte(`],"pagination":`), bytes.TrimSpace(buffer.Bytes())...), '}'))
	return nil
}

// beginJSON sends the head of a response whose length is not known.
func (r *request) beginJSON() {
	r.status = http.StatusOK
	header := r.w.Header()
	header["Content-Type"] = headerJSON
	header["Cache-Control"] = headerNoStore
	header["X-Content-Type-Options"] = headerNoSniff
	r.w.WriteHeader(r.status)
}
