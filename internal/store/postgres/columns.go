package postgres

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// Groups of rows go to the database as arrays, a column each, to be unnested there. These types write themselves in
// PostgreSQL's binary format of arrays, which takes a fraction of what pgx takes element by element.
// What stands for "none" (zero time, nil slice, and in columns that may have none zero id and zero lease) goes as NULL.
type column interface {
	// appendBinary appends the elements, each behind its length, and gives the OID of their type and how many there are.
	appendBinary(b []byte) (_ []byte, element uint32, n int)
}

type (
	ids      []carteiro.ID
	maybeIDs []carteiro.ID // zero is NULL
	ints     []int64
	leases   []int64 // 0 is NULL
	bools    []bool
	texts    []string
	octets   []string // bytea, of strings
	blobs    [][]byte // bytea
	times    []time.Time
)

// epoch is where PostgreSQL begins to count time, in microseconds since 1970.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

func appendNull(b []byte) []byte { return binary.BigEndian.AppendUint32(b, 1<<32-1) }

func appendLength(b []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(n)) //nolint:gosec // bounded by what a request may hold
}

func appendInt(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(appendLength(b, 8), uint64(n)) //nolint:gosec // the bits are what is sent
}

func (c ids) appendBinary(b []byte) (_ []byte, element uint32, n int) {
	b = slices.Grow(b, 20*len(c))
	for i := range c {
		b = append(appendLength(b, 16), c[i][:]...)
	}
	return b, pgtype.UUIDOID, len(c)
}

func (c maybeIDs) appendBinary(b []byte) (_ []byte, element uint32, n int) {
	b = slices.Grow(b, 20*len(c))
	for i := range c {
		if c[i].IsZero() {
			b = appendNull(b)
			continue
		}
		b = append(appendLength(b, 16), c[i][:]...)
	}
	return b, pgtype.UUIDOID, len(c)
}

func (c ints) appendBinary(b []byte) (_ []byte, element uint32, n int) {
	b = slices.Grow(b, 12*len(c))
	for _, v := range c {
		b = appendInt(b, v)
	}
	return b, pgtype.Int8OID, len(c)
}

func (c leases) appendBinary(b []byte) (_ []byte, element uint32, n int) {
	b = slices.Grow(b, 12*len(c))
	for _, v := range c {
		if v == 0 {
			b = appendNull(b)
			continue
		}
		b = appendInt(b, v)
	}
	return b, pgtype.Int8OID, len(c)
}

func (c bools) appendBinary(b []byte) (_ []byte, element uint32, n int) {
	for _, v := range c {
		b = appendLength(b, 1)
		if v {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	return b, pgtype.BoolOID, len(c)
}

func (c texts) appendBinary(b []byte) (_ []byte, element uint32, n int) {
	for _, v := range c {
		b = append(appendLength(b, len(v)), v...)
	}
	return b, pgtype.TextOID, len(c)
}

func (c octets) appendBinary(b []byte) (_ []byte, element uint32, n int) {
	for _, v := range c {
		b = append(appendLength(b, len(v)), v...)
	}
	return b, pgtype.ByteaOID, len(c)
}

func (c blobs) appendBinary(b []byte) (_ []byte, element uint32, n int) {
	size := 4 * len(c)
	for _, v := range c {
		size += len(v)
	}
	b = slices.Grow(b, size)
	for _, v := range c {
		if v == nil {
			b = appendNull(b)
			continue
		}
		b = append(appendLength(b, len(v)), v...)
	}
	return b, pgtype.ByteaOID, len(c)
}

func (c times) appendBinary(b []byte) (_ []byte, element uint32, n int) {
	b = slices.Grow(b, 12*len(c))
	for _, v := range c {
		if v.IsZero() {
			b = appendNull(b)
			continue
		}
		b = appendInt(b, v.UnixMicro()-epoch)
	}
	return b, pgtype.TimestamptzOID, len(c)
}

// registerColumns makes a connection know the columns.
func registerColumns(types *pgtype.Map) {
	for _, oid := range []uint32{
		pgtype.UUIDArrayOID, pgtype.Int8ArrayOID, pgtype.BoolArrayOID, pgtype.TextArrayOID, pgtype.ByteaArrayOID,
		pgtype.TimestamptzArrayOID,
	} {
		if known, ok := types.TypeForOID(oid); ok {
			types.RegisterType(&pgtype.Type{Name: known.Name, OID: oid, Codec: columnCodec{known.Codec}})
		}
	}
}

// columnCodec is pgx's codec of an array that knows columns too.
type columnCodec struct{ pgtype.Codec }

// PlanEncode implements [pgtype.Codec].
func (c columnCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(column); ok && format == pgtype.BinaryFormatCode {
		return columnPlan{}
	}
	return c.Codec.PlanEncode(m, oid, format, value)
}

type columnPlan struct{}

// Encode implements [pgtype.EncodePlan].
func (columnPlan) Encode(value any, b []byte) ([]byte, error) {
	start := len(b)
	// Dimensions, whether there may be NULLs, type of the elements, their number, and the index of the first.
	var header [20]byte
	b, element, n := value.(column).appendBinary(append(b, header[:]...))
	dimensions := uint32(1)
	if n == 0 {
		dimensions, b = 0, b[:start+12]
	}
	binary.BigEndian.PutUint32(b[start:], dimensions)
	binary.BigEndian.PutUint32(b[start+4:], 1)
	binary.BigEndian.PutUint32(b[start+8:], element)
	if n > 0 {
		binary.BigEndian.PutUint32(b[start+12:], uint32(n)) //nolint:gosec // bounded by a batch
		binary.BigEndian.PutUint32(b[start+16:], 1)
	}
	return b, nil
}

// id reads and writes an id that may be none.
type id carteiro.ID

// UUIDValue implements [pgtype.UUIDValuer].
func (v id) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: v, Valid: v != id{}}, nil }

// ScanUUID implements [pgtype.UUIDScanner].
func (v *id) ScanUUID(from pgtype.UUID) error {
	*v = id(from.Bytes) // zeros for NULL
	return nil
}

// moment reads and writes a time that may be none.
type moment time.Time

// TimestamptzValue implements [pgtype.TimestamptzValuer].
func (v moment) TimestamptzValue() (pgtype.Timestamptz, error) {
	t := layout.Micros(time.Time(v))
	return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()}, nil
}

// ScanTimestamptz implements [pgtype.TimestamptzScanner].
func (v *moment) ScanTimestamptz(from pgtype.Timestamptz) error {
	*v = moment{}
	if from.Valid {
		*v = moment(from.Time.UTC())
	}
	return nil
}

// toID and toTime are where a scan puts what may be none.
func toID(to *carteiro.ID) *id     { return (*id)(to) }
func toTime(to *time.Time) *moment { return (*moment)(to) }

// octet reads bytea into a string.
type octet struct{ to *string }

// ScanBytes implements [pgtype.BytesScanner].
func (o octet) ScanBytes(b []byte) error {
	*o.to = string(b)
	return nil
}
