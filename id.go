package carteiro

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"sync"
	"time"
)

// ID is a UUID. Every ID that Carteiro makes is a version 7 (RFC 9562, section 5.7) whose 12 bits behind the
// milliseconds count on in steps of 1/4096 ms, so that the IDs of one [IDSource] sort as they were made and
// carry the time at which they were. The zero ID stands for "none".
type ID [16]byte

// ErrInvalidID says that a text is not a UUID.
var ErrInvalidID = errors.New("not a UUID")

// ParseID reads the 36 characters of a UUID in its canonical form, in either case.
// Any version is taken: agents and campaigns come under their callers' own ids. It fails with [ErrInvalidID].
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, ErrInvalidID
	}
	digits := make([]byte, 0, 32)
	for _, part := range [...]string{s[:8], s[9:13], s[14:18], s[19:23], s[24:]} {
		digits = append(digits, part...)
	}
	if _, err := hex.Decode(id[:], digits); err != nil {
		return ID{}, ErrInvalidID
	}
	return id, nil
}

// AppendText appends the canonical form, lower-case, to b. It never fails.
func (id ID) AppendText(b []byte) ([]byte, error) {
	b = hex.AppendEncode(b, id[0:4])
	for _, part := range [...][]byte{id[4:6], id[6:8], id[8:10], id[10:16]} {
		b = append(b, '-')
		b = hex.AppendEncode(b, part)
	}
	return b, nil
}

// String gives the canonical form, lower-case.
func (id ID) String() string {
	var buf [36]byte
	b, _ := id.AppendText(buf[:0])
	return string(b)
}

// MarshalText gives the canonical form, lower-case.
func (id ID) MarshalText() ([]byte, error) { return id.AppendText(make([]byte, 0, 36)) }

// UnmarshalText is [ParseID] for encoding/json and its like.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

// IsZero says whether the id stands for "none".
func (id ID) IsZero() bool { return id == ID{} }

// ticksPerMilli is how finely a version 7 ID counts behind its milliseconds: its 12 bits of rand_a.
const ticksPerMilli = 1 << 12

// Time gives the instant a version 7 ID carries, to the microsecond, in UTC.
func (id ID) Time() time.Time {
	ticks := id.ticks()
	milli, fraction := ticks/ticksPerMilli, ticks%ticksPerMilli
	// Rounded up, so that Time(MinID(t)) is t again.
	micro := (fraction*1000 + ticksPerMilli - 1) / ticksPerMilli
	return time.UnixMicro(int64(milli*1000 + micro)).UTC() //nolint:gosec // 48 bits of milliseconds fit
}

// MinID is the least ID that a source can make at t: those made before t sort below it, the others do not.
// Times before 1970 give the zero ID.
func MinID(t time.Time) ID {
	var id ID
	if t.UnixMicro() > 0 {
		id.setTicks(ticksAt(t))
	}
	return id
}

// MaxSibling is the greatest ID that shares the time of id; with [ID.MinSibling] it bounds the IDs that
// [IDSource.Sibling] makes of it.
func (id ID) MaxSibling() ID {
	for i := 8; i < len(id); i++ {
		id[i] = 0xff
	}
	return id
}

// MinSibling is the least ID that shares the time of id.
func (id ID) MinSibling() ID {
	clear(id[8:])
	return id
}

func ticksAt(t time.Time) uint64 {
	micro := uint64(t.UnixMicro()) // callers see to it that t is past 1970
	return micro/1000*ticksPerMilli + micro%1000*ticksPerMilli/1000
}

func (id ID) ticks() uint64 {
	high := binary.BigEndian.Uint64(id[:8])
	return high>>16*ticksPerMilli | high&(ticksPerMilli-1)
}

func (id *ID) setTicks(ticks uint64) {
	binary.BigEndian.PutUint64(id[:8], ticks/ticksPerMilli<<16|0x7000|ticks%ticksPerMilli)
}

// IDSource makes version 7 IDs that only ever grow, also when the clock is set back: it then counts on from the
// last one until the clock has caught up. Its zero value is ready; it is safe for concurrent use.
type IDSource struct {
	// Jump, if not nil, is how far the wall clock has been set from where it was, for tests, which can set none.
	Jump func() time.Duration

	mu     sync.Mutex
	read   time.Time // the clock, when Now was asked last
	told   time.Time // what it said
	last   uint64
	random [512]byte // read ahead, because a system call an ID costs more than all the rest
	unused int
}

// Now gives the time that things are due by, in UTC. It is the clock's but never goes back: set back, it goes on at half its pace
// until the clock has caught up. So what was put off for a minute is due in two at most, not in an hour, and what is due at
// once is not ahead of the time of whoever looks for it.
func (s *IDSource) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	read := time.Now()
	wall := read.UTC().Round(0)
	if s.Jump != nil {
		wall = wall.Add(s.Jump())
	}
	if slow := s.told.Add(read.Sub(s.read) / 2); !s.read.IsZero() && wall.Before(slow) {
		wall = slow
	}
	s.read, s.told = read, wall
	return wall
}

// New makes an ID for the instant now.
func (s *IDSource) New(now time.Time) ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last+1, ticksAt(now))
	var id ID
	id.setTicks(s.last)
	s.fillTail(&id)
	return id
}

// Sibling makes an ID with the time of id and another random part. The first attempts of an event are siblings of
// the event's id, so that one is found from the other without an index.
func (s *IDSource) Sibling(id ID) ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fillTail(&id)
	return id
}

// fillTail sets the 62 random bits and the variant of RFC 9562.
func (s *IDSource) fillTail(id *ID) {
	if s.unused < 8 {
		_, _ = rand.Read(s.random[:]) // never fails: crypto/rand ends the program instead
		s.unused = len(s.random)
	}
	copy(id[8:], s.random[s.unused-8:s.unused])
	s.unused -= 8
	id[8] = id[8]&0x3f | 0x80
}
