package send

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// reusable reports whether another request may follow a response that has been read to its end. Not after a final status below
// 200: the protocol may have changed. Not after one that announces a body although its status allows none: the body may
// follow all the same.
func reusable(r *http.Response) bool {
	switch {
	case r.Close, r.StatusCode < 200:
		return false
	case r.StatusCode == http.StatusNoContent, r.StatusCode == http.StatusNotModified:
		length := r.Header.Get("Content-Length")
		return len(r.TransferEncoding) == 0 && (length == "" || length == "0")
	default:
		return true
	}
}

// keepAliveMargin is how much earlier than the receiver announces a connection is given up: a request that is sent as the
// receiver closes is lost.
const keepAliveMargin = time.Second

// keepAlive returns how long an idle connection may be kept after a response, which may say so ("Keep-Alive: timeout=5,
// max=100"). 0 or less: not at all.
func keepAlive(r *http.Response) time.Duration {
	for _, field := range r.Header["Keep-Alive"] {
		for parameter := range strings.SplitSeq(field, ",") {
			name, value, _ := strings.Cut(parameter, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "timeout") {
				continue
			}
			seconds, err := strconv.ParseUint(strings.Trim(value, " \t\""), 10, 32)
			if err == nil {
				return min(time.Duration(seconds)*time.Second-keepAliveMargin, maxIdleTime)
			}
		}
	}
	return maxIdleTime
}
