package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// lines writes whole lines, from several goroutines, so that none is torn.
type lines struct {
	mu    sync.Mutex
	w     io.Writer
	ended bool
}

// printf writes lines that belong together. When nobody reads any more there is nobody left to tell.
func (l *lines) printf(text ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	_, _ = fmt.Fprintln(l.w, strings.Join(text, "\n"))
}

// end makes the last line the last: deliveries that are still being answered print nothing any more.
func (l *lines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}
