package client_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro/client"
)

func TestFollowingALogGoesOnAfterACutAndTellsEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changed := func(id int, status string) string {
			return fmt.Sprintf("event: log\nid: %d\ndata: {\"id\":\"%d\",\"status\":%q}\n\n", id, id, status)
		}
		open := "retry: 2000\nevent: open\nid: 1\ndata: {}\n\n"
		s := &streams{answers: []string{
			open + changed(2, client.StatusPending) + changed(2, client.StatusSuccess),
			open + "event: reset\nid: 5\ndata: {}\n\n" + changed(6, client.StatusFailed),
			"HTTP 404",
		}}
		c := client.New("http://carteiro.test", "talq_x", client.WithHTTPClient(&http.Client{Transport: s, Timeout: time.Second}))
		var got []string
		opened, missed, cuts := 0, 0, 0
		err := c.FollowLogs(t.Context(), client.AgentOwner("a"), "w", client.LogFilter{Status: client.StatusFailed, PerPage: 7}, client.Follower{
			Log:    func(l client.Log) { got = append(got, l.ID+" "+l.Status) },
			Open:   func() { opened++ },
			Missed: func() { missed++ },
			Cut:    func(error, time.Duration) { cuts++ },
		})
		if err == nil || opened != 2 || missed != 1 || cuts != 2 {
			t.Errorf("opened %d times, missed %d, cut %d, and ended with %v", opened, missed, cuts, err)
		}
		if want := []string{"2 pending", "2 success", "6 failed"}; !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		if want := []string{"", "2", "6"}; !slices.Equal(s.asked, want) {
			t.Errorf("it went on from %q, want %q", s.asked, want)
		}
	})
}
