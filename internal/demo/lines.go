package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// lines writes whole lines, from several goroutines, so that none is torn.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

// print writes lines that belong together. When nobody reads any more there is nobody left to tell.
func (l *lines) print(text ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintln(l.w, strings.Join(text, "\n"))
}
