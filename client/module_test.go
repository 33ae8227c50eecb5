package client_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A module outside this repository imports the client by the path in go.mod, without the server's dependencies.
func TestAnotherModuleBuildsWithTheClient(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	goMod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(goMod), "\nreplace") {
		t.Error("go.mod has a replace directive: go install …@version refuses the module")
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.com/shop\n\ngo 1.26.0\n\nrequire github.com/carteiro/carteiro v0.0.0\n\nreplace github.com/carteiro/carteiro => "+root+"\n")
	write("main.go", `package main

import (
	"context"

	"github.com/carteiro/carteiro/client"
)

func main() {
	c := client.New("https://carteiro.example.com", "token")
	_, _, _ = c.ListAgents(context.Background(), client.ListFilter{})
}
`)
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("build", "-o", os.DevNull, ".")
	const module = "github.com/carteiro/carteiro"
	for _, path := range strings.Fields(run("list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")) {
		if path != "example.com/shop" && path != module && path != module+"/client" {
			t.Errorf("the client depends on %s", path)
		}
	}
}
