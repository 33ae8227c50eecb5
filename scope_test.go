package carteiro_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/carteiro/carteiro"
)

func TestScopesAllowWhatTheyNameAndNothingElse(t *testing.T) {
	for _, c := range []struct {
		names  []string
		needed carteiro.Scopes
		want   bool
	}{
		{[]string{"read"}, carteiro.ScopeRead, true},
		{[]string{"read"}, carteiro.ScopeRetry, false},
		{[]string{"webhooks"}, carteiro.ScopeRead, false},
		{[]string{"read", "retry"}, carteiro.ScopeRead | carteiro.ScopeRetry, true},
		{[]string{"read"}, carteiro.ScopeRead | carteiro.ScopeRetry, false},
		{[]string{"all"}, carteiro.ScopePublish, true},
		{[]string{"all"}, 1 << 6, true}, // of a later version
		{[]string{"all"}, 0, false},
		{[]string{"read"}, 0, false},
		{nil, carteiro.ScopeRead, false},
	} {
		set, err := carteiro.ParseScopes(c.names...)
		if err != nil || set.Allow(c.needed) != c.want {
			t.Errorf("%q allow %q: %v, %v", c.names, c.needed, !c.want, err)
		}
	}
}

func TestScopesAreReadAsTheyAreWritten(t *testing.T) {
	for _, name := range carteiro.ScopeNames() {
		set, err := carteiro.ParseScopes(name)
		if err != nil || !slices.Equal(set.Names(), []string{name}) || set.String() != name {
			t.Errorf("%s reads %v, %v", name, set, err)
		}
	}
	if set, err := carteiro.ParseScopes("retry", "read", "retry"); err != nil || set.String() != "read,retry" {
		t.Errorf("%v, %v", set, err)
	}
	for _, bad := range []string{"", "Read", "write", "read,retry"} {
		if _, err := carteiro.ParseScopes(bad); !errors.Is(err, carteiro.ErrScope) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
