package carteiro

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Scopes is a set of scopes: of those that a token has, or of those that a call needs. The zero one is empty and opens
// nothing. The bits are stored, so a scope never changes its bit.
type Scopes uint8

// The scopes. Each stands for itself: a token that shall read and retry needs both.
const (
	ScopeRead     Scopes = 1 << iota // see all that is in the environment
	ScopeWebhooks                    // create, change, test and delete agents, campaigns and their webhooks
	ScopePublish                     // put events in
	ScopeRetry                       // send again, one delivery or many

	ScopeAll Scopes = 1 << 7 // all of them, and those that later versions will have
)

type scopeName struct {
	scope Scopes
	name  string
}

// scopeNames in the order in which they are shown.
var scopeNames = []scopeName{
	{ScopeRead, "read"}, {ScopeWebhooks, "webhooks"}, {ScopePublish, "publish"}, {ScopeRetry, "retry"}, {ScopeAll, "all"},
}

// ErrScope says that a text names no scope.
var ErrScope = errors.New("no such scope")

// ParseScopes makes a set of the names of its scopes. It fails with [ErrScope].
func ParseScopes(names ...string) (set Scopes, err error) {
	for _, name := range names {
		i := slices.IndexFunc(scopeNames, func(known scopeName) bool { return known.name == name })
		if i < 0 {
			return 0, fmt.Errorf("%w: %q (there are %s)", ErrScope, name, strings.Join(ScopeNames(), ", "))
		}
		set |= scopeNames[i].scope
	}
	return set, nil
}

// ScopeNames gives the names of all scopes.
func ScopeNames() []string {
	names := make([]string, len(scopeNames))
	for i, known := range scopeNames {
		names[i] = known.name
	}
	return names
}

// Names gives the names of the scopes in the set, never nil. One with [ScopeAll] has that name alone.
func (s Scopes) Names() []string {
	names := []string{}
	for _, known := range scopeNames {
		if s&ScopeAll == 0 && s&known.scope != 0 || s&ScopeAll != 0 && known.scope == ScopeAll {
			names = append(names, known.name)
		}
	}
	return names
}

// String gives the names, separated by commas.
func (s Scopes) String() string { return strings.Join(s.Names(), ",") }

// Allow says whether a token with these scopes may do what needs all of the others. What needs none is allowed to none:
// a route that declares no scope stays closed.
func (s Scopes) Allow(needed Scopes) bool {
	return needed != 0 && (s&ScopeAll != 0 || s&needed == needed)
}
