package api

import (
	"errors"
	"hash"
	"io"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/payload"
)

// readBatch reads the events of a batch while they arrive: a JSON array, which must be valid as a whole, or lines, each of which stands
// for itself. It holds one item at a time, and of events what is published of them. With sum it returns the request's fingerprint.
func (r *request) readBatch(contentType string, b *batch, withSum bool, f *faults, read func(*batchItem) error) (sum [32]byte, err error) {
	if r.ContentLength > maxBatchBody {
		return sum, bodyTooLarge(maxBatchBody)
	}
	body := batchBody{request: r}
	if withSum {
		body.hash = beginFingerprint(r.Method, r.URL.Path)
	}
	if err := r.charge(int(r.ContentLength)); err != nil { // events that are kept take no more than the body
		return sum, err
	}
	window := buffers.Get().(*[]byte)
	maxItem := r.s.MaxPayload + maxEnvelope
	// How deep an item is nested is looked at item by item.
	stream := payload.NewStream(&body, *window, maxItem, 10*maxDepth, body.grow)
	next := stream.NextItem
	if isLines(contentType) {
		next = stream.NextLine
	}
	count := 0
	for ; err == nil; count++ {
		var raw []byte
		if raw, err = next(); err == nil && count < carteiro.MaxBatch {
			err = body.chargeKept(b.add(raw, maxItem, read))
		}
	}
	putBuffer(window, stream.Window())
	if err := body.fault(err, count-1, f); err != nil {
		return sum, err
	}
	if withSum {
		body.hash.Sum(sum[:0])
	}
	return sum, nil
}

// fault returns what is wrong with a batch as a whole, given the error that ended the reading. f holds other faults of the request.
func (b *batchBody) fault(err error, count int, f *faults) error {
	switch {
	case errors.Is(err, payload.ErrNotArray):
		f.add(fieldEvents, mustBeArray)
	case !errors.Is(err, io.EOF):
		return b.malformed(err)
	case count == 0:
		f.add(fieldEvents, mustContainAtLeast, 1)
	case count > carteiro.MaxBatch:
		f.add(fieldEvents, mustContainAtMost, carteiro.MaxBatch)
	}
	return f.err()
}

// malformed reads what is left of a body that is not valid, so that the client gets the answer, and returns the answer.
func (b *batchBody) malformed(err error) error {
	if b.err == nil {
		_, _ = io.Copy(io.Discard, b)
	}
	switch {
	case b.err != nil:
		return b.err
	case errors.Is(err, payload.ErrTooDeep):
		return errTooDeep
	default:
		return errInvalidJSON
	}
}

// batchBody is the body of a batch. It ends with an error beyond the largest size.
type batchBody struct {
	*request
	hash    hash.Hash // of what was read; nil: nobody needs it
	read    int
	kept    int   // bytes of events
	charged int   // of those
	err     error // a failure: why the body is not read on
}

// chargeKept charges so many bytes of an event that is kept, where no Content-Length has announced them.
func (b *batchBody) chargeKept(n int) error {
	if b.kept += n; b.ContentLength < 0 && b.kept-b.charged > freeBytes {
		b.err = refusedMemory(b.account.Grow(int64(b.kept - b.charged)))
		b.charged = b.kept
	}
	return b.err
}

// Read implements io.Reader.
func (b *batchBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.Body.Read(p)
	if b.hash != nil {
		_, _ = b.hash.Write(p[:n])
	}
	b.read += n
	if b.read > maxBatchBody {
		b.err = bodyTooLarge(maxBatchBody)
	} else if err != nil && !errors.Is(err, io.EOF) {
		b.err = errInvalidJSON // it broke off
	}
	if b.err != nil {
		return 0, b.err
	}
	return n, err
}

// windowBytes is how large the window of a batch may be that is not charged.
const windowBytes = 64 << 10

// grow charges the window in which an item is read.
func (b *batchBody) grow(size int) error {
	if size <= windowBytes {
		return nil
	}
	if b.err == nil {
		b.err = refusedMemory(b.account.Grow(int64(size / 2))) // it has doubled
	}
	return b.err
}
