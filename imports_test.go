package carteiro_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// The import edges of the house. Imports run one way:
//
//	cmd -> app -> api -> publish -> store -> root
//	       app -> {dispatch, jobs} -> store;  dispatch -> send -> {payload, signature, egress}
//
// Every package of the module stands in this table with each package of ours that it may import, and why. A new
// package or a new edge is a decision: it is written down here, with its reason, or the test fails.

// module is the path that go.mod declares. Rooms are named by their folder below it; "/" is the root package.
const module = "github.com/carteiro/carteiro"

// edges are the rooms that may be imported, each with the reason.
type edges map[string]string

// A room is what one package may import of ours: imports anywhere, tests in its _test.go files only. That a package's
// own tests import it goes without saying.
type room struct {
	imports edges
	tests   edges
}

// Reasons that recur.
const (
	vocabulary = "speaks the program's vocabulary"
	realStore  = "a real store in a temporary file disagrees less with production than a fake"
	contract   = "every answer is held against the OpenAPI document"
)

var house = map[string]room{
	"/":   {},
	"api": {},
	"api/apitest": {
		imports: edges{"api": "the OpenAPI document that answers are held against"},
	},
	"client": {
		tests: edges{"api/apitest": contract, "api": "every operation of the document has a method"},
	},
	"cmd/carteiro": {
		imports: edges{
			"/":                     vocabulary,
			"api":                   "the document that the site of docs hands on",
			"client":                "the verbs that talk to a running server",
			"docs":                  "the pages that the docs verb writes",
			"internal/app":          "the serve verb",
			"internal/bench":        "the bench verb",
			"internal/config":       "flags and environment variables",
			"internal/importer":     "the import verb",
			"internal/demo":         "serve --demo",
			"internal/check":        "the doctor verb",
			"internal/listen":       "the listen verb",
			"internal/publish":      "the sample payloads of the trigger verb",
			"internal/docs":         "the docs verb",
			"internal/jobs":         "the secrets verb re-encrypts as a server does",
			"internal/move":         "the migrate verb",
			"internal/seal":         "the keys that the secrets verb makes, and others are given",
			"internal/store":        "environments are made beside the API",
			"internal/store/sqlite": "verbs that open the store while no server runs (migrate, tokens, backup)",
		},
	},
	"deploy": {
		tests: edges{"internal/config": "nodes are configured by what there is"},
	},
	"internal/api": {
		imports: edges{
			"internal/budget":    "charges what requests hold",
			"/":                  vocabulary,
			"api":                "serves the OpenAPI document",
			"internal/directory": "looks webhooks up and changes them where every node hears of it",
			"internal/egress":    "an address that may not be dialled is refused when the webhook is saved",
			"internal/payload":   "a template that cannot be parsed is refused when the webhook is saved",
			"internal/publish":   "accepts events",
			"internal/signature": "a secret that cannot sign is refused when the webhook is saved",
			"internal/store":     "lists, retries and keeps the registry",
			"internal/tail":      "streams a webhook's log to those who listen",
		},
		tests: edges{
			"api/apitest":           contract,
			"internal/jobs":         "a requested bulk retry is followed to the attempts that it creates",
			"internal/dispatch":     "settings are followed to what a receiver gets",
			"internal/send":         "settings are followed to what a receiver gets",
			"internal/store/sqlite": realStore,
		},
	},
	"internal/app": {
		imports: edges{
			"internal/budget":         "wires it",
			"/":                       vocabulary,
			"api":                     "the document that the site of docs hands on",
			"docs":                    "the pages that are served at /docs",
			"internal/api":            "wires it",
			"internal/config":         "wires it",
			"internal/dashboard":      "wires it",
			"internal/directory":      "wires it",
			"internal/dispatch":       "wires it",
			"internal/docs":           "wires it",
			"internal/egress":         "wires it",
			"internal/ingest":         "wires it",
			"internal/jobs":           "wires it",
			"internal/observe":        "wires it",
			"internal/payload":        "wires it",
			"internal/publish":        "wires it",
			"internal/seal":           "the keys that the store is opened with",
			"internal/send":           "wires it",
			"internal/signature":      "wires it",
			"internal/store":          "wires it",
			"internal/store/sqlite":   "opens the store that the configuration names",
			"internal/tail":           "wires it",
			"web":                     "the page that the dashboard serves",
			"internal/store/postgres": "opens the store that the configuration names",
		},
		tests: edges{
			"api/apitest": contract,
		},
	},
	"internal/bench": {
		imports: edges{
			"/":               vocabulary,
			"internal/app":    "opens the store that it fills with a long log",
			"internal/config": "names that store",
			"internal/store":  "fills it through the verbs, which is quicker than through the API",
		},
	},
	"internal/budget": {
		imports: edges{"/": vocabulary},
	},
	"internal/importer": {
		imports: edges{"client": "makes what it brings through the API, as a user would"},
	},
	"internal/config": {
		imports: edges{
			"/":             "defaults that are part of the vocabulary (the retry schedule, limits)",
			"internal/seal": "encryption keys are a setting",
		},
	},
	"docs": {},
	"internal/dashboard": {
		tests: edges{"api": "the paths that are not the page's"},
	},
	"internal/docs": {
		imports: edges{"internal/dashboard": "serves its pages as static files"},
		tests: edges{
			"api":             "the document that the site hands on",
			"docs":            "the pages that there are",
			"internal/config": "the flags that pages may name",
		},
	},
	"internal/docs/reference": {
		imports: edges{"api": "the document that the reference is made of"},
	},
	"internal/demo": {
		imports: edges{"client": "makes its data through the API, as a user would"},
		tests:   edges{"/": "the event types that there are"},
	},
	"internal/directory": {
		imports: edges{
			"/":                 vocabulary,
			"internal/budget":   "bounds how many lists of webhooks are read at the same time",
			"internal/eviction": "bounds the cache",
			"internal/store":    "reads through to it",
		},
		tests: edges{
			"internal/store/sqlite": realStore,
		},
	},
	"internal/dispatch": {
		imports: edges{
			"/":                 vocabulary,
			"internal/budget":   "charges settings and bodies of attempts",
			"internal/eviction": "bounds the compiled webhooks that lanes keep",
			"internal/send":     "makes the one HTTP attempt",
			"internal/store":    "claims and records",
		},
		tests: edges{
			"internal/directory":    "the webhook as it is at the moment of sending",
			"internal/store/sqlite": realStore,
		},
	},
	"internal/check": {
		imports: edges{
			"/":              vocabulary,
			"internal/store": "examines it",
		},
		tests: edges{
			"internal/store/sqlite": realStore,
		},
	},
	"internal/egress": {
		tests: edges{"test/interop/rawserver": "a proxy, and certificates for it"},
	},
	"internal/eviction": {
		imports: edges{"/": vocabulary},
	},
	"internal/ingest": {
		imports: edges{
			"/":               vocabulary,
			"internal/api":    "messages are read as the bodies of its calls are",
			"internal/config": "a source's settings, as the sources file has them",
		},
		tests: edges{
			"internal/directory":    "the story of a source runs on a real publisher",
			"internal/publish":      "the story of a source runs on a real publisher",
			"internal/store":        "a store that fails for a while",
			"internal/store/sqlite": realStore,
		},
	},
	"internal/jobs": {
		imports: edges{
			"/":                  vocabulary,
			"internal/directory": "the webhooks that subscribe to operator events",
			"internal/store":     "keeps the jobs, purges and cleans up",
		},
		tests: edges{
			"internal/store/sqlite": realStore,
		},
	},
	"internal/listen": {
		imports: edges{"client": "listens through the API, as a user would"},
	},
	"internal/move": {
		imports: edges{"internal/store": "exports from one and imports into the other"},
		tests: edges{
			"/":                     vocabulary,
			"internal/store/sqlite": realStore,
		},
	},
	"internal/observe": {
		imports: edges{
			"/":                 vocabulary,
			"internal/api":      "traces the publisher that it declares",
			"internal/dispatch": "traces the sender that it declares",
			"internal/publish":  "the parameters of the publisher",
			"internal/send":     "the parameters of the sender",
			"internal/store":    "times its calls and counts their results; its error for a database that is down",
		},
	},
	"internal/payload": {},
	"internal/publish": {
		imports: edges{
			"/":                  vocabulary,
			"internal/budget":    "charges attempts until they are stored",
			"internal/payload":   "how much templates make of an event",
			"internal/directory": "which webhooks want an event",
			"internal/store":     "accepts in one durable commit",
		},
		tests: edges{
			"internal/store/sqlite": realStore,
		},
	},
	"internal/seal": {},
	"internal/send": {
		imports: edges{
			"/":                  vocabulary,
			"internal/egress":    "dials only what may be dialled",
			"internal/payload":   "builds the body",
			"internal/signature": "signs it",
		},
		tests: edges{
			"test/interop/rawserver": "a receiver that misbehaves as no HTTP library would",
		},
	},
	"internal/signature": {},
	"internal/store": {
		imports: edges{"/": vocabulary},
	},
	"internal/store/headers": {},
	"internal/store/layout": {
		imports: edges{
			"/":                      vocabulary,
			"internal/store":         "encodes and counts what its verbs are given",
			"internal/store/headers": "writes headers as bytes",
		},
	},
	"internal/store/settings": {
		imports: edges{
			"/":             vocabulary,
			"internal/seal": "encrypts the secrets among them",
		},
	},
	"internal/store/sqlstore": {
		imports: edges{
			"/":                       vocabulary,
			"internal/seal":           "is given the keys that encrypt secrets",
			"internal/store":          "implements the methods that both databases share",
			"internal/store/headers":  "decodes headers",
			"internal/store/layout":   "numbers, encodes and counts",
			"internal/store/settings": "encodes webhooks' settings",
		},
	},
	"internal/store/postgres": {
		imports: edges{
			"/":                       vocabulary,
			"internal/seal":           "is given the keys that encrypt secrets",
			"internal/store":          "implements it",
			"internal/store/headers":  "keeps headers as the other database does",
			"internal/store/layout":   "numbers, encodes and counts as the other database does",
			"internal/store/settings": "keeps webhooks' settings as the other database does",
			"internal/store/sqlstore": "runs the methods that both databases share",
		},
		tests: edges{
			"internal/store/postgres/postgrestest": "a database for each test",
			"internal/store/sqlite":                "the same history gives the same on both",
			"internal/store/storetest":             "passes the conformance suite",
		},
	},
	"internal/store/postgres/postgrestest": {},
	"internal/store/sqlite": {
		imports: edges{
			"/":                       vocabulary,
			"internal/seal":           "is given the keys that encrypt secrets",
			"internal/store":          "implements it",
			"internal/store/headers":  "keeps headers as the other database does",
			"internal/store/layout":   "numbers, encodes and counts as the other database does",
			"internal/store/settings": "keeps webhooks' settings as the other database does",
			"internal/store/sqlstore": "runs the methods that both databases share",
		},
		tests: edges{"internal/store/storetest": "passes the conformance suite"},
	},
	"internal/store/storetest": {
		imports: edges{
			"internal/check": "finds what was damaged on purpose",
			"internal/seal":  "the keys that secrets are encrypted with",
			"/":              vocabulary,
			"internal/store": "the port whose guarantees it checks",
		},
	},
	"internal/tail": {
		imports: edges{
			"/":              vocabulary,
			"internal/store": "stands before it, and tells what changes",
		},
		tests: edges{
			"internal/store/sqlite": realStore,
		},
	},
	"test/e2e": {
		tests: edges{
			"/":                                    "the rule of a circuit, by which the binary is timed",
			"api":                                  "the routes, each of which is attacked",
			"client":                               "drives the real binary as its users do; the inside is none of its business",
			"internal/store/postgres/postgrestest": "an empty database for servers that share one",
		},
	},
	"test/mutation": {},
	"test/interop": {
		tests: edges{
			"client":                 "drives the real binary as its users do",
			"test/interop/rawserver": "a receiver that misbehaves, and certificates",
		},
	},
	"test/interop/rawserver": {},
	"test/simulation": {
		tests: edges{
			"/":                        vocabulary,
			"internal/directory":       "runs it under faults",
			"internal/dispatch":        "runs it under faults",
			"internal/check":           "looks at what is left",
			"internal/jobs":            "runs it under faults",
			"internal/publish":         "runs it under faults",
			"internal/send":            "stands in its place",
			"internal/store":           "stands before it, and lets calls fail",
			"internal/store/sqlite":    realStore,
			"internal/store/storetest": "the model of the store",
		},
	},
	"web": {},
}

// A law bounds the table itself, so that a row cannot be loosened past the design: from never reaches to, neither
// directly nor through other rooms (tests aside). "x/..." names every room at or below x.
type law struct {
	from, to string
	exempt   []string // rooms of from that the law does not bind
	allowed  []string // rooms of to that may be reached all the same
	why      string
}

var laws = []law{
	{from: "/...", to: "internal/app", exempt: []string{"cmd/carteiro", "internal/bench"},
		why: "app knows every other room: whoever imports it can be used by none of them"},
	{from: "/", to: "/...", why: "the vocabulary stands below everything"},
	{from: "internal/payload", to: "/...", why: "pure: usable and testable without the rest of the house"},
	{from: "internal/signature", to: "/...", why: "pure: usable and testable without the rest of the house"},
	{from: "internal/seal", to: "/...", why: "pure: usable and testable without the rest of the house"},
	{from: "internal/egress", to: "/...", why: "pure: usable and testable without the rest of the house"},
	{from: "internal/store/...", to: "internal/...", exempt: []string{"internal/store/storetest"}, allowed: []string{"internal/store", "internal/store/headers", "internal/store/layout", "internal/store/settings", "internal/store/sqlstore", "internal/seal"},
		why: "business rules live above the store, and the port knows no adapter"},
	{from: "internal/send", to: "internal/store/...", why: "one HTTP attempt knows no store and no retry"},
	{from: "internal/send", to: "internal/dispatch", why: "one HTTP attempt knows no store and no retry"},
	{from: "internal/dispatch", to: "internal/publish", why: "work flows from publish to dispatch by the store, not back"},
	{from: "internal/dispatch", to: "internal/api", why: "delivery does not depend on how events come in"},
	{from: "internal/api", to: "internal/dispatch", why: "the test call goes through an interface that api declares"},
	{from: "internal/api", to: "internal/store/postgres", why: "only who opens a store knows which one it is"},
	{from: "internal/api", to: "internal/store/sqlite", why: "only who opens a store knows which one it is"},
	{from: "internal/dashboard", to: "/...", why: "it serves files: whose session it is, and who may see what, the API decides"},
	{from: "client", to: "/...", why: "others import the client: it needs the standard library alone"},
	{from: "api/...", to: "internal/...", why: "the contract does not depend on the implementation"},
	{from: "internal/listen", to: "internal/...", why: "it runs on a developer's machine, and knows of the server what anybody can"},
	{from: "internal/importer", to: "internal/...", why: "whoever comes over may do so from another machine than the server's"},
	{from: "internal/demo", to: "internal/...", why: "the demo is a user of the API like any other"},
}

// confined are packages of others that only some rooms may import (tests aside).
var confined = []struct {
	prefix string
	rooms  []string
	why    string
}{
	{"github.com/prometheus", []string{"internal/observe"}, "the others count through interfaces and wrappers, or not at all"},
	{"go.opentelemetry.io", []string{"internal/observe"}, "the others carry a header's text"},
	{"database/sql", []string{"internal/store/sqlite"}, "SQL is the adapters' business"},
	{"github.com/cloudevents", []string{"internal/api"}, "one room reads CloudEvents"},
	{"github.com/nats-io", []string{"internal/ingest"}, "brokers' clients are heavy: one room knows them"},
	{"github.com/rabbitmq", []string{"internal/ingest"}, "brokers' clients are heavy: one room knows them"},
	{"github.com/twmb", []string{"internal/ingest"}, "brokers' clients are heavy: one room knows them"},
	{"github.com/redis", []string{"internal/ingest"}, "brokers' clients are heavy: one room knows them"},
	{"github.com/jackc/pgx", []string{"internal/store/postgres", "internal/store/postgres/postgrestest"}, "one room knows this driver"},
	{"zombiezen.com/go/sqlite", []string{"internal/store/sqlite"}, "one room knows this driver"},
	{"modernc.org/sqlite", []string{"internal/store/sqlite"}, "one room knows this driver"},
}

func TestRoomsImportOnlyWhatTheTableAllows(t *testing.T) {
	for _, fault := range importFaults(thisTree(t), house) {
		t.Error(fault)
	}
}

func TestEveryRowHasItsPackage(t *testing.T) {
	for name := range house {
		if matches, err := filepath.Glob(filepath.Join(".", filepath.FromSlash(name), "*.go")); err != nil || len(matches) == 0 {
			t.Errorf("%s is in the table and not in the tree", name)
		}
	}
}

func TestTheTableKeepsTheLaws(t *testing.T) {
	for _, fault := range slices.Concat(rowFaults(house), lawFaults(house, laws)) {
		t.Error(fault)
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, fault := range commentFaults(thisTree(t)) {
		t.Error(fault)
	}
}

// Inside a testing/synctest bubble time.Sleep moves the simulated clock and takes no time; anywhere else it makes a
// test slow, or flaky, or both.
func TestOnlySimulatedTimeIsSlept(t *testing.T) {
	for _, fault := range sleepFaults(thisTree(t)) {
		t.Error(fault)
	}
}

func TestImportRuleCatches(t *testing.T) {
	table := map[string]room{
		"/":              {},
		"internal/send":  {imports: edges{"/": "why"}, tests: edges{"internal/store": "why"}},
		"internal/store": {imports: edges{"/": "why"}},
	}
	for name, test := range map[string]struct {
		file, source string
		want         []string
	}{
		"nothing when the edge is allowed": {
			"internal/send/send.go", "package send\nimport \"carteiro\"", nil},
		"nothing when a test takes a test's edge": {
			"internal/send/send_test.go", "package send\nimport \"github.com/carteiro/carteiro/internal/store\"", nil},
		"nothing when a test imports its own package": {
			"internal/store/store_test.go", "package store_test\nimport \"github.com/carteiro/carteiro/internal/store\"", nil},
		"nothing in testdata, node_modules and other modules' folders": {
			"internal/send/testdata/x/x.go", "package x\nimport \"github.com/carteiro/carteiro/internal/store\"", nil},
		"nothing when the root takes the standard library": {
			"id.go", "package carteiro\nimport \"encoding/json\"", nil},
		"a forbidden edge": {
			"internal/send/send.go", "package send\nimport \"github.com/carteiro/carteiro/internal/store\"",
			[]string{"internal/send/send.go: internal/send may not import internal/store"}},
		"a test's edge outside tests": {
			"internal/send/send.go", "package send\nimport s \"github.com/carteiro/carteiro/internal/store\"",
			[]string{"internal/send may not import internal/store"}},
		"an edge behind a build tag": {
			"internal/send/soak_test.go", "//go:build soak\n\npackage send\nimport \"github.com/carteiro/carteiro/internal/store/sqlite\"",
			[]string{"internal/send may not import internal/store/sqlite"}},
		"a package that the table does not know": {
			"internal/util/util.go", "package util",
			[]string{"internal/util is not in the table: add it to house in imports_test.go"}},
		"the root on a library": {
			"id.go", "package carteiro\nimport \"github.com/google/uuid\"",
			[]string{"id.go: / may import the standard library only, not github.com/google/uuid"}},
		"a driver outside its room": {
			"internal/send/send.go", "package send\nimport \"zombiezen.com/go/sqlite\"",
			[]string{"internal/send may not import zombiezen.com/go/sqlite: one room knows this driver"}},
	} {
		t.Run(name, func(t *testing.T) {
			tree := fstest.MapFS{"doc.go": {Data: []byte("package carteiro")}, test.file: {Data: []byte(test.source)}}
			wantFaults(t, importFaults(readTree(t, tree), table), test.want)
		})
	}
}

func TestRowRuleCatches(t *testing.T) {
	wantFaults(t, rowFaults(map[string]room{
		"/":             {},
		"client":        {imports: edges{"/": "why", "internal/gone": "why"}},
		"internal/send": {tests: edges{"/": ""}},
	}), []string{"client -> internal/gone leads to no room", "internal/send -> / has no reason"})
}

func TestLawsCatch(t *testing.T) {
	table := map[string]room{
		"/":                     {},
		"client":                {imports: edges{"/": "why"}},
		"internal/store/sqlite": {},
		"internal/app":          {imports: edges{"internal/send": "why"}},
		"internal/bench":        {imports: edges{"internal/app": "why"}},
		"internal/maintained":   {imports: edges{"internal/app": "why"}},
		"internal/recorder":     {imports: edges{"internal/store/sqlite": "why"}},
		"internal/send":         {imports: edges{"internal/recorder": "why"}, tests: edges{"internal/app": "why"}},
	}
	for name, test := range map[string]struct {
		law  law
		want []string
	}{
		"nothing when it is kept":      {law{from: "client", to: "internal/..."}, nil},
		"nothing when a test does it":  {law{from: "internal/send", to: "internal/app"}, nil},
		"a direct edge":                {law{from: "client", to: "/"}, []string{"client reaches /"}},
		"a reach through another room": {law{from: "internal/send", to: "internal/store/..."}, []string{"internal/send reaches internal/store/sqlite"}},
		"whoever is not exempt": {law{from: "/...", to: "internal/app", exempt: []string{"internal/bench"}},
			[]string{"internal/maintained reaches internal/app"}},
		"whatever is not allowed": {law{from: "internal/bench", to: "internal/...", allowed: []string{"internal/app", "internal/send", "internal/recorder"}},
			[]string{"internal/bench reaches internal/store/sqlite"}},
		"a law about rooms that are not there": {law{from: "internal/sent", to: "internal/stored/..."},
			[]string{"no room is internal/sent", "no room is internal/stored/..."}},
	} {
		t.Run(name, func(t *testing.T) {
			wantFaults(t, lawFaults(table, []law{test.law}), test.want)
		})
	}
}

func TestCommentRuleCatches(t *testing.T) {
	const said = "// Package lane keeps receivers apart.\npackage lane"
	for name, test := range map[string]struct {
		tree fstest.MapFS
		want []string
	}{
		"nothing when one file says it": {fstest.MapFS{
			"internal/lane/lane.go": {Data: []byte(said)}, "internal/lane/limit.go": {Data: []byte("package lane")}}, nil},
		"nothing when a command says it": {fstest.MapFS{
			"cmd/x/main.go": {Data: []byte("// Command x does y.\npackage main")}}, nil},
		"nothing in a package of tests only": {fstest.MapFS{
			"test/e2e/e2e_test.go": {Data: []byte("package e2e")}}, nil},
		"a package without a comment": {fstest.MapFS{
			"internal/lane/lane.go": {Data: []byte("package lane")}}, []string{"internal/lane has no package comment"}},
		"a comment that stands in a test": {fstest.MapFS{
			"internal/lane/lane.go": {Data: []byte("package lane")}, "internal/lane/lane_test.go": {Data: []byte(said)}},
			[]string{"internal/lane has no package comment"}},
		"a comment that is not about the package": {fstest.MapFS{
			"internal/lane/lane.go": {Data: []byte("//go:build soak\n\n// Copyright.\npackage lane")}},
			[]string{"internal/lane has no package comment"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantFaults(t, commentFaults(readTree(t, test.tree)), test.want)
		})
	}
}

func TestSleepRuleCatches(t *testing.T) {
	const sleeps = "func TestX(t *testing.T) { time.Sleep(1) }"
	for name, test := range map[string]struct {
		file, source string
		want         []string
	}{
		"nothing in simulated time": {"x_test.go",
			"package x\nimport (\"testing\"; \"testing/synctest\"; \"time\")\n" +
				"func TestX(t *testing.T) { synctest.Test(t, func(*testing.T) { time.Sleep(1) }) }\nfunc elapse() { time.Sleep(1) }", nil},
		"a sleep beside simulated time": {"x_test.go",
			"package x\nimport (\"testing\"; \"testing/synctest\"; \"time\")\n" + sleeps, []string{"x_test.go:3: time.Sleep in real time"}},
		"nothing that is only called Sleep": {"x_test.go",
			"package x\nfunc TestX(t *testing.T) { var time clock; time.Sleep(1) }", nil},
		"a sleep in real time": {"internal/x/x_test.go",
			"package x\nimport (\"testing\"; \"time\")\n" + sleeps, []string{"internal/x/x_test.go:3: time.Sleep in real time"}},
		"a sleep under another name": {"internal/x/x_test.go",
			"package x\nimport (\"testing\"; clock \"time\")\nvar pause = clock.Sleep",
			[]string{"internal/x/x_test.go:3: time.Sleep in real time"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantFaults(t, sleepFaults(readTree(t, fstest.MapFS{test.file: {Data: []byte(test.source)}})), test.want)
		})
	}
}

// wantFaults checks that there are as many faults as wanted and that each holds its words.
func wantFaults(t *testing.T, faults, want []string) {
	t.Helper()
	if len(faults) != len(want) {
		t.Fatalf("%d faults, want %d:\n%s", len(faults), len(want), strings.Join(faults, "\n"))
	}
	for i := range want {
		if !strings.Contains(faults[i], want[i]) {
			t.Errorf("fault %q does not say %q", faults[i], want[i])
		}
	}
}

// A sourceFile is one Go file of the tree, whatever build tags it carries.
type sourceFile struct {
	path string // slash-separated, from the root of the module
	room string
	test bool
	ast  *ast.File
	fset *token.FileSet
}

// imports gives the paths that the file imports.
func (f sourceFile) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

func thisTree(t *testing.T) []sourceFile {
	t.Helper()
	files := readTree(t, os.DirFS("."))
	if !slices.ContainsFunc(files, func(f sourceFile) bool { return f.path == "imports_test.go" }) {
		t.Fatal("the tree that was read does not hold this file: the rules would check nothing")
	}
	return files
}

// readTree parses every Go file of the module, leaving out the folders that the go command leaves out, and those of
// other modules and of npm.
func readTree(t *testing.T, tree fs.FS) []sourceFile {
	t.Helper()
	var files []sourceFile
	err := fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipFolder(tree, p)
		}
		if path.Ext(p) != ".go" {
			return nil
		}
		source, err := fs.ReadFile(tree, p)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, p, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("parse: %w", err)
		}
		files = append(files, sourceFile{
			path: p, room: roomOf(path.Dir(p)), test: strings.HasSuffix(p, "_test.go"), ast: file, fset: fset,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// skipFolder gives [fs.SkipDir] for a folder that holds no package of this module.
func skipFolder(tree fs.FS, p string) error {
	if p == "." {
		return nil
	}
	name := path.Base(p)
	if name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(p, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func roomOf(dir string) string {
	if dir == "." {
		return "/"
	}
	return dir
}

// importedRoom says which room an import path names, if it is one of ours.
func importedRoom(p string) (string, bool) {
	if p == module {
		return "/", true
	}
	return strings.CutPrefix(p, module+"/")
}

// importFaults lists what the files import against the table.
func importFaults(files []sourceFile, table map[string]room) []string {
	var faults []string
	unknown := map[string]bool{}
	for _, f := range files {
		if _, known := table[f.room]; !known {
			if !unknown[f.room] {
				faults = append(faults, fmt.Sprintf("%s is not in the table: add it to house in imports_test.go, "+
					"with the rooms that it may import and the reason for each", f.room))
			}
			unknown[f.room] = true
			continue
		}
		for _, p := range f.imports() {
			if fault := importFault(f, p, table[f.room]); fault != "" {
				faults = append(faults, f.path+": "+fault)
			}
		}
	}
	return faults
}

// rowFaults lists the edges of the table that lead to no room of the table or have no reason.
func rowFaults(table map[string]room) []string {
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(table)) {
		for _, allowed := range []edges{table[name].imports, table[name].tests} {
			for _, to := range slices.Sorted(maps.Keys(allowed)) {
				if _, known := table[to]; !known {
					faults = append(faults, fmt.Sprintf("%s -> %s leads to no room of the table", name, to))
				}
				if allowed[to] == "" {
					faults = append(faults, fmt.Sprintf("%s -> %s has no reason", name, to))
				}
			}
		}
	}
	return faults
}

// importFault says what is wrong with the import of p by f, or "".
func importFault(f sourceFile, p string, allowed room) string {
	to, ours := importedRoom(p)
	if ours {
		_, always := allowed.imports[to]
		_, tests := allowed.tests[to]
		if always || f.test && (tests || to == f.room) {
			return ""
		}
		return fmt.Sprintf("%s may not import %s: see house in imports_test.go", f.room, to)
	}
	if f.test {
		return ""
	}
	// A path whose first element holds a dot is a host's, so not the standard library's.
	if host, _, _ := strings.Cut(p, "/"); f.room == "/" && strings.Contains(host, ".") {
		return fmt.Sprintf("/ may import the standard library only, not %s", p)
	}
	for _, c := range confined {
		if (p == c.prefix || strings.HasPrefix(p, c.prefix+"/")) && !slices.Contains(c.rooms, f.room) {
			return fmt.Sprintf("%s may not import %s: %s", f.room, p, c.why)
		}
	}
	return ""
}

// lawFaults lists the rooms whose row of the table lets them reach what a law keeps them from, and the laws that speak
// of rooms that are not in the table.
func lawFaults(table map[string]room, laws []law) []string {
	var faults []string
	rooms := slices.Sorted(maps.Keys(table))
	for _, l := range laws {
		for _, pattern := range slices.Concat([]string{l.from, l.to}, l.exempt, l.allowed) {
			if !slices.ContainsFunc(rooms, func(name string) bool { return matches(pattern, name) }) {
				faults = append(faults, fmt.Sprintf("no room is %s, of which a law says: %s", pattern, l.why))
			}
		}
		for _, from := range rooms {
			if !matches(l.from, from) || matchesAny(l.exempt, from) {
				continue
			}
			for _, to := range reach(table, from) {
				if matches(l.to, to) && !matchesAny(l.allowed, to) {
					faults = append(faults, fmt.Sprintf("%s reaches %s: %s", from, to, l.why))
				}
			}
		}
	}
	return faults
}

// reach gives every room that from imports, directly or through others, sorted; tests aside.
func reach(table map[string]room, from string) []string {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(at string) {
		for to := range table[at].imports {
			if !seen[to] {
				seen[to] = true
				visit(to)
			}
		}
	}
	visit(from)
	return slices.Sorted(maps.Keys(seen))
}

// matches says whether a room is the one that the pattern names, or with "/..." at or below it.
func matches(pattern, name string) bool {
	below, deep := strings.CutSuffix(pattern, "/...")
	return name == pattern || deep && (below == "" || name == below || strings.HasPrefix(name, below+"/"))
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

// commentFaults lists the packages none of whose files says what the package is for.
func commentFaults(files []sourceFile) []string {
	said := map[string]bool{}
	for _, f := range files {
		if !f.test {
			doc := f.ast.Doc.Text()
			said[f.room] = said[f.room] || strings.HasPrefix(doc, "Package "+f.ast.Name.Name+" ") ||
				f.ast.Name.Name == "main" && doc != ""
		}
	}
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if !said[name] {
			faults = append(faults, fmt.Sprintf("%s has no package comment (// Package %s …)", name, path.Base(name)))
		}
	}
	return faults
}

// sleepFaults lists the uses of time.Sleep in tests that do not simulate time: in a file without synctest all of them, in
// another one those of a test outside of its bubble. What calls a helper of such a file is not followed.
func sleepFaults(files []sourceFile) []string {
	var faults []string
	for _, f := range files {
		clock := importedName(f.ast, "time")
		bubble := importedName(f.ast, "testing/synctest")
		if !f.test || clock == "" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if bubble != "" && !strings.HasPrefix(n.Name.Name, "Test") {
					return false
				}
			case *ast.CallExpr:
				if use, ok := n.Fun.(*ast.SelectorExpr); ok && use.Sel.Name == "Test" {
					if name, ok := use.X.(*ast.Ident); ok && name.Name == bubble {
						return false
					}
				}
			}
			if use, ok := n.(*ast.SelectorExpr); ok && use.Sel.Name == "Sleep" {
				if name, ok := use.X.(*ast.Ident); ok && name.Name == clock {
					faults = append(faults, fmt.Sprintf("%s:%d: time.Sleep in real time: simulate it with testing/synctest, "+
						"or wait for a signal", f.path, f.fset.Position(use.Pos()).Line))
				}
			}
			return true
		})
	}
	return faults
}

// importedName gives the name under which a file knows an imported package, or "".
func importedName(file *ast.File, importPath string) string {
	for _, spec := range file.Imports {
		if spec.Path.Value != strconv.Quote(importPath) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}
