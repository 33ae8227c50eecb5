package api

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheStoreIsAskedOnceASecondHoweverManyWantToKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c readiness
		asked, answer := 0, error(nil)
		ping := func(context.Context) error {
			asked++
			<-time.After(time.Millisecond)
			return answer
		}
		for range 100 {
			if err := c.ask(ping); err != nil {
				t.Error(err)
			}
		}
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
		<-time.After(readyMaxAge)
		answer = errors.New("the test took the store down")
		if err := c.ask(ping); !errors.Is(err, answer) {
			t.Errorf("a second later: %v", err)
		}
	})
}
