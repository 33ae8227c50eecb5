package payload_test

import (
	"slices"
	"testing"

	"github.com/carteiro/carteiro/internal/payload"
)

func TestAWalkerGivesMembersAndItemsAsTheyStand(t *testing.T) {
	var members, items []string
	for w := payload.Walk([]byte(" { \"a\" : 1 , \"b\\u0062\":[1,{\"x\":\"}\"}],\"c\":\"\\\"\" } ")); w.NextMember(); {
		members = append(members, string(w.Key)+"="+string(w.Value))
	}
	for w := payload.Walk([]byte(` [1, "a,b" ,{"k":[2]},null] `)); w.NextItem(); {
		items = append(items, string(w.Value))
	}
	if want := []string{"a=1", `b\u0062=[1,{"x":"}"}]`, `c="\""`}; !slices.Equal(members, want) {
		t.Errorf("members %q, want %q", members, want)
	}
	if want := []string{"1", `"a,b"`, `{"k":[2]}`, "null"}; !slices.Equal(items, want) {
		t.Errorf("items %q, want %q", items, want)
	}
	for _, empty := range []string{"{}", " [ ] ", "", "x"} {
		if w := payload.Walk([]byte(empty)); w.NextMember() {
			t.Errorf("%q has a member", empty)
		}
	}
}
