package dispatch

import "sync"

// lock is the dispatcher's mutex. A simulation can pause a goroutine between any two critical sections, where the operating
// system may pause it too.
type lock struct {
	sync.Mutex
	preempt func() // called before each Lock, unless nil
}

// Lock implements sync.Locker.
func (l *lock) Lock() {
	if l.preempt != nil {
		l.preempt()
	}
	l.Mutex.Lock()
}
