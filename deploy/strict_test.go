package deploy_test

import (
	"bytes"
	"os"
	"testing"

	"go.yaml.in/yaml/v4"
)

// release is what .goreleaser.yaml may hold, by goreleaser's documentation of version 2. goreleaser check would say more, and bring
// a thousand packages; a field that is misspelt, or of another kind, is what it finds most, and is found here too.
type release struct {
	Version     int
	ProjectName string `yaml:"project_name"`
	Before      struct{ Hooks []string }
	Builds      []struct {
		ID, Main, Binary    string
		Env, Flags, Ldflags []string
		Goos, Goarch, Goarm []string
		ModTimestamp        string `yaml:"mod_timestamp"`
	}
	Archives []struct {
		ID, Name        string
		IDs, Formats    []string
		NameTemplate    string `yaml:"name_template"`
		Files           []any
		WrapInDirectory bool `yaml:"wrap_in_directory"`
	}
	Checksum struct {
		NameTemplate string `yaml:"name_template"`
		Algorithm    string
	}
	Changelog struct{ Disable bool }
}

// composed is what compose.yaml may hold, by the Compose Specification, as far as it has been needed. Fields that begin with x-
// may hold anything.
type composed struct {
	Name     string
	Node     *composedService `yaml:"x-node"`
	Services map[string]*composedService
	Volumes  map[string]any
}

type composedService struct {
	Image string
	Build *struct {
		Context, Dockerfile string
		Args                map[string]string
	}
	Environment map[string]string
	DependsOn   any `yaml:"depends_on"`
	Healthcheck *struct {
		Test              []string
		Interval, Timeout string
		StartPeriod       string `yaml:"start_period"`
		Retries           int
	}
	Restart         string
	Command         []string
	Ports, Volumes  []string
	StopGracePeriod string   `yaml:"stop_grace_period"`
	ReadOnly        bool     `yaml:"read_only"`
	CapDrop         []string `yaml:"cap_drop"`
	SecurityOpt     []string `yaml:"security_opt"`
	ShmSize         string   `yaml:"shm_size"`
}

// strictly reads a file that may hold nothing but what there is a place for.
func strictly(text []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	return decoder.Decode(into)
}

func TestFilesOfOtherProgramsHoldNothingThatIsNone(t *testing.T) {
	for name, into := range map[string]func() any{
		"../.goreleaser.yaml": func() any { return new(release) },
		"compose.yaml":        func() any { return new(composed) },
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := strictly(text, into()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strictly(append(bytes.Clone(text), "\nmisspelt: 1\n"...), into()) == nil {
			t.Errorf("%s may hold what is misspelt", name)
		}
	}
}

func TestServicesWaitForThoseThatThereAre(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c composed
	if err := strictly(text, &c); err != nil {
		t.Fatal(err)
	}
	for name, service := range c.Services {
		var waits []string
		switch on := service.DependsOn.(type) {
		case []any:
			for _, other := range on {
				waits = append(waits, other.(string))
			}
		case map[string]any:
			for other, how := range on {
				waits = append(waits, other)
				if how.(map[string]any)["condition"] == "service_healthy" && c.Services[other] != nil && c.Services[other].Healthcheck == nil {
					t.Errorf("%s waits for the health of %s, which is not looked at", name, other)
				}
			}
		}
		for _, other := range waits {
			if c.Services[other] == nil {
				t.Errorf("%s waits for %s, which is no service", name, other)
			}
		}
	}
}
