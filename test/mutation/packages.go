package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
)

// module is the path that go.mod declares.
const module = "github.com/carteiro/carteiro"

// goPackage is what `go list` says of a package.
type goPackage struct {
	ImportPath, Name, Dir              string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports, TestImports, XTestImports []string
}

// listPackages lists the packages of the module by import path.
func listPackages(ctx context.Context) (map[string]*goPackage, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-json", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("listing packages: %w", err)
	}
	packages := map[string]*goPackage{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(goPackage)
		if err := d.Decode(p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("listing packages: %w", err)
		}
		packages[p.ImportPath] = p
	}
}

// importPath turns ./internal/send, internal/send or . into an import path.
func importPath(arg string) string {
	if arg == module || strings.HasPrefix(arg, module+"/") {
		return arg
	}
	return path.Join(module, arg)
}

// testPackages returns the packages whose tests may notice a change of pkg: itself first, then those that import it.
// Tests under test/ start the real binary or simulate for long; name them in -tests to include them.
func testPackages(packages map[string]*goPackage, pkg string) []string {
	var names []string
	for name, p := range packages {
		imports := slices.Concat(p.Imports, p.TestImports, p.XTestImports)
		if name != pkg && len(p.TestGoFiles)+len(p.XTestGoFiles) > 0 &&
			!strings.HasPrefix(name, module+"/test/") && slices.Contains(imports, pkg) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if p := packages[pkg]; p != nil && len(p.TestGoFiles)+len(p.XTestGoFiles) > 0 {
		names = slices.Insert(names, 0, pkg)
	}
	return names
}
