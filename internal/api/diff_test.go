package api

import (
	"fmt"
	"strings"
	"testing"
)

func TestBodiesDifferWhereTheirValuesDo(t *testing.T) {
	for _, test := range []struct{ then, now, want string }{
		{`{"a":1}`, `{"a":1}`, `[]`},
		{`{"a":1,"b":2}`, `{ "b": 2, "a": 1 }`, `[]`},
		{`{"a":1}`, `{"a":1.0}`, `[{/a changed}]`},
		{`{"a":1,"b":2}`, `{"b":3,"c":4}`, `[{/a removed} {/b changed} {/c added}]`},
		{`{"a":{"b":[1,{"c":2}]}}`, `{"a":{"b":[1,{"c":3},5]}}`, `[{/a/b/1/c changed} {/a/b/2 added}]`},
		{`{"a":[1,2,3]}`, `{"a":[1]}`, `[{/a/1 removed} {/a/2 removed}]`},
		{`{"a":{}}`, `{"a":[]}`, `[{/a changed}]`},
		{`{"a":null}`, `{}`, `[{/a removed}]`},
		{`{"a":null}`, `{"a":null,"b":false}`, `[{/b added}]`},
		{`{"a":"1"}`, `{"a":1}`, `[{/a changed}]`},
		{`{"a/b":1,"~":1}`, `{"a/b":2,"~":2}`, `[{/a~1b changed} {/~0 changed}]`},
		{`{"":1}`, `{"":2}`, `[{/ changed}]`},
		{`[1]`, `{}`, `[{ changed}]`},
		{``, `{}`, `[{ added}]`},
		{`{}`, ``, `[{ removed}]`},
		{`no json`, `none either`, `[{ changed}]`},
	} {
		list, more := diffJSON([]byte(test.then), []byte(test.now))
		if got := fmt.Sprint(list); got != test.want || more {
			t.Errorf("%s and %s differ in %s, want %s", test.then, test.now, got, test.want)
		}
	}
}

func TestDifferencesAreBounded(t *testing.T) {
	list := func(value string) []byte { return []byte("[" + strings.Repeat(value+",", 5000) + value + "]") }
	for _, now := range [][]byte{list("2"), []byte("[]")} {
		if got, more := diffJSON(list("1"), now); len(got) != maxBodyDiffs || !more {
			t.Errorf("%d differences, more: %v", len(got), more)
		}
	}
}
