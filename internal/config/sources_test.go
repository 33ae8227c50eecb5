package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/config"
)

func sources(t *testing.T, text string) ([]config.Source, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sources.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return (&config.Server{SourcesFile: file}).Sources()
}

func TestASourceIsReadWithItsDefaultsAndSecret(t *testing.T) {
	t.Setenv("BROKER_PASSWORD", "hunter2")
	got, err := sources(t, `{"sources":[{"name":"calls","kind":"redis","url":"redis://127.0.0.1:6379","stream":"calls","environment":"production",
		"username":"carteiro","password_env":"BROKER_PASSWORD"}]}`)
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	s := got[0]
	if s.Group != "carteiro" || s.Batch != config.DefaultBatch || s.Format != config.FormatCarteiro || s.Password != "hunter2" || s.Place() != "calls" {
		t.Error("read wrongly")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, s); strings.Contains(text, "hunter2") {
			t.Errorf("%s shows the password", verb)
		}
	}
	if none, err := new(config.Server).Sources(); none != nil || err != nil {
		t.Error(none, err)
	}
}

func TestAPasswordMayStandInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := sources(t, `{"sources":[{"name":"calls","kind":"rabbitmq","url":"amqps://mq","queue":"calls","environment":"e","password_file":"`+file+`"}]}`)
	if err != nil || got[0].Password != "hunter2" {
		t.Error(err)
	}
}

func TestEachFaultOfASourcesFileIsTold(t *testing.T) {
	const good = `"name":"a","kind":"kafka","url":"kafka://127.0.0.1:9092,127.0.0.1:9093","topic":"calls","environment":"production"`
	if _, err := sources(t, `{"sources":[{`+good+`}]}`); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{`:                "unexpected EOF",
		`{"sources":[]} x`: "something follows",
		`{"source":[]}`:    `unknown field "source"`,
		`{"sources":[{` + good + `},{` + good + `}]}`:                                           "stands there twice",
		`{"sources":[{` + good + `,"queue":"x"}]}`:                                              "kafka has no queue",
		`{"sources":[{` + good + `,"batch":1001}]}`:                                             "batch must be between 1 and 1000",
		`{"sources":[{` + good + `,"format":"xml"}]}`:                                           "format must be",
		`{"sources":[{` + good + `,"dead_letter":"calls"}]}`:                                    "dead_letter must not",
		`{"sources":[{` + good + `,"sasl":"x"}]}`:                                               "sasl must be",
		`{"sources":[{` + good + `,"password_env":"CARTEIRO_TEST_UNSET"}]}`:                     "CARTEIRO_TEST_UNSET",
		`{"sources":[{` + good + `,"password_env":"A","password_file":"B"}]}`:                   "both there",
		`{"sources":[{` + good + `,"password_file":"/nowhere/at/all"}]}`:                        "password_file",
		`{"sources":[{"name":"A b","kind":"x"}]}`:                                               "kind must be nats, rabbitmq, kafka or redis",
		`{"sources":[{"kind":"nats","url":"nats://u:p@h","stream":"s","environment":"e"}]}`:     "must not hold credentials",
		`{"sources":[{"name":"a","kind":"nats","url":"http://h","environment":"e"}]}`:           "url must begin with nats:// or tls://",
		`{"sources":[{"name":"a","kind":"redis","url":"redis://h","environment":"e"}]}`:         "stream is missing",
		`{"sources":[{"name":"a","kind":"rabbitmq","url":"amqp://h","queue":"q"}]}`:             "environment is missing",
		`{"sources":[{"name":"a","kind":"rabbitmq","url":"amqp://h","queue":"q","group":"g"}]}`: "rabbitmq has no group",
	} {
		if _, err := sources(t, text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "sources.json") {
			t.Errorf("%s\n%v\nwant %s", text, err, want)
		}
	}
	if _, err := (&config.Server{SourcesFile: "/nowhere/at/all"}).Sources(); err == nil {
		t.Error("a file that is not there passes")
	}
}
