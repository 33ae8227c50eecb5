// Package deploy_test holds the files that are installed by against the source. Nothing is installed for it.
package deploy_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// Every setting that a file of deploy/ or the release names must be one that there is.
func TestSettingsThatAreNamedExist(t *testing.T) {
	reference, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, root := range []string{"helm", "systemd"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			for _, name := range regexp.MustCompile(`CARTEIRO_[A-Z_]*[A-Z]`).FindAllString(string(text), -1) {
				named++
				if !strings.Contains(string(reference), "`"+name+"`") {
					t.Errorf("%s names %s, which is no setting", path, name)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if named == 0 {
		t.Error("no setting was found: this test looks at nothing")
	}
}

// unit is the service's unit with a binary that there is, as systemd-analyze asks for.
func unit(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("systemd/carteiro.service")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "carteiro.service")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/carteiro", self)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheUnitIsOneThatSystemdUnderstands(t *testing.T) {
	text, err := os.ReadFile("systemd/carteiro.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"ExecStart=/usr/local/bin/carteiro serve", "DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes",
		"StateDirectory=carteiro", "CapabilityBoundingSet=", "ExecReload=/bin/kill -HUP $MAINPID",
	} {
		if !strings.Contains(string(text), "\n"+line+"\n") {
			t.Errorf("the unit does not say %s", line)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not here: only the lines above were looked at")
		return
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", unit(t)).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func TestTheReleaseNamesFilesThatExist(t *testing.T) {
	text, err := os.ReadFile("../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var release struct {
		Version  int
		Builds   []struct{ Main, Binary string }
		Archives []struct{ Files []any }
	}
	if err := yaml.Unmarshal(text, &release); err != nil {
		t.Fatal(err)
	}
	if release.Version != 2 || len(release.Builds) != 1 || len(release.Archives) != 1 {
		t.Fatalf("understood as %+v", release)
	}
	names := []any{release.Builds[0].Main}
	for _, file := range release.Archives[0].Files {
		if object, ok := file.(map[string]any); ok {
			file = object["src"]
		}
		names = append(names, file)
	}
	for _, name := range names {
		if strings.HasPrefix(name.(string), "bin/") {
			continue // made by the release
		}
		if found, err := filepath.Glob(filepath.Join("..", name.(string))); err != nil || len(found) == 0 {
			t.Errorf("%v is not there", name)
		}
	}
	// The variables that the linker sets are those of the Makefile.
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range regexp.MustCompile(`-X (main\.\w+)=`).FindAllStringSubmatch(string(makefile), -1) {
		if !strings.Contains(string(text), "-X "+variable[1]+"=") {
			t.Errorf("the release does not set %s", variable[1])
		}
	}
}
