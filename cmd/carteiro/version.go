package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// versionFlag makes carteiro --version print what carteiro version prints.
type versionFlag bool

// BeforeReset is called by kong before it checks that a command is given.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	err := versionCommand{}.Run()
	app.Exit(0)
	return err
}

type versionCommand struct {
	JSON bool `help:"Print {\"version\",\"revision\",\"go\",\"platform\",\"modules\"}." env:"-"`
}

// build is what a binary was built from.
type build struct {
	Version  string   `json:"version"`
	Revision string   `json:"revision,omitempty"` // of git; absent when it was built without
	Go       string   `json:"go"`
	Platform string   `json:"platform"`
	Modules  []module `json:"modules"`
}

type module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum,omitempty"` // as in go.sum
}

func thisBuild() build {
	b := build{
		Version: version, Revision: revision, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Modules: []module{},
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && b.Revision == "" {
			b.Revision = setting.Value
		}
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Modules = append(b.Modules, module{m.Path, m.Version, m.Sum})
	}
	return b
}

// Run prints the version.
func (c versionCommand) Run() error {
	b := thisBuild()
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(b)
	}
	fmt.Println("carteiro", b.Version)
	fmt.Println(b.Go, b.Platform)
	if b.Revision != "" {
		fmt.Println("revision", b.Revision)
	}
	return nil
}
