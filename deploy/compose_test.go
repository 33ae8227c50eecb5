// Package deploy_test holds what is deployed by against what is configured by. No container engine is needed for it, and
// none is asked: that the images can be had is not tried here.
package deploy_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"

	"github.com/carteiro/carteiro/internal/config"
)

// compose is what of a compose file is looked at.
type compose struct {
	Services map[string]struct {
		Image       string
		Build       struct{ Context string }
		Environment map[string]string
		Healthcheck struct{ Test []string }
		DependsOn   any `yaml:"depends_on"`
		Volumes     []string
	}
	Volumes map[string]any
}

func readCompose(t *testing.T) (c compose) {
	t.Helper()
	text, err := os.ReadFile("compose.yaml")
	if err == nil {
		err = yaml.Unmarshal(text, &c)
	}
	if err != nil || len(c.Services) == 0 {
		t.Fatal("compose.yaml: ", err)
	}
	return c
}

// pinned is an image whose version says which it is, down to the patch.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?$`)

func TestEveryImageIsPinned(t *testing.T) {
	for name, service := range readCompose(t).Services {
		if service.Build.Context == "" && !pinned.MatchString(service.Image) {
			t.Errorf("%s runs the image %q", name, service.Image)
		}
	}
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(string(text), -1)
	if len(stages) < 2 {
		t.Errorf("the Dockerfile has %d stages", len(stages))
	}
	for _, stage := range stages {
		if stage[1] != "scratch" && !pinned.MatchString(stage[1]) {
			t.Errorf("the Dockerfile begins with %q", stage[1])
		}
	}
	if !regexp.MustCompile(`(?m)^USER [1-9]`).Match(text) {
		t.Error("the image runs as root")
	}
}

// variable is one of the compose file's own, with a default or not.
var variable = regexp.MustCompile(`\$\{[A-Z_]+(:[-?][^}]*)?\}`)

func TestNodesAreConfiguredByWhatThereIs(t *testing.T) {
	nodes := 0
	for name, service := range readCompose(t).Services {
		if service.Build.Context == "" {
			continue
		}
		nodes++
		var server config.Server
		parser, err := kong.New(&server, kong.DefaultEnvars(config.EnvPrefix))
		if err != nil {
			t.Fatal(err)
		}
		var known []string
		for _, flag := range parser.Model.Flags {
			known = append(known, flag.Envs...)
		}
		for key, value := range service.Environment {
			if !slices.Contains(known, key) {
				t.Errorf("%s sets %s, which is no setting", name, key)
			}
			t.Setenv(key, variable.ReplaceAllString(value, "secret"))
		}
		if _, err := parser.Parse(nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !server.Postgres() || !strings.Contains(server.Database.Database, "@postgres:5432/") {
			t.Errorf("%s keeps everything in %q", name, server.Database.Database)
		}
		if strings.Join(service.Healthcheck.Test, " ") != "CMD /carteiro ready" {
			t.Errorf("%s is asked whether it is ready by %q", name, service.Healthcheck.Test)
		}
	}
	if nodes != 2 {
		t.Errorf("%d nodes, want 2", nodes)
	}
}

func TestTheProxyKnowsEveryNode(t *testing.T) {
	text, err := os.ReadFile("haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "uri /readyz") {
		t.Error("the proxy does not ask whether nodes are ready")
	}
	for name, service := range readCompose(t).Services {
		if service.Build.Context != "" && !strings.Contains(string(text), "server "+name+" "+name+":8080\n") {
			t.Errorf("the proxy does not know %s", name)
		}
	}
}

func TestTheDatabaseIsKept(t *testing.T) {
	c := readCompose(t)
	database := c.Services["postgres"]
	name, _, _ := strings.Cut(strings.Join(database.Volumes, ""), ":")
	if _, kept := c.Volumes[name]; !kept {
		t.Errorf("the database lies in %v, of volumes %v", database.Volumes, c.Volumes)
	}
	if !strings.HasPrefix(database.Environment["POSTGRES_PASSWORD"], "${POSTGRES_PASSWORD:?") {
		t.Error("the password does not come from outside")
	}
}
