// Command reference writes the pages of docs/reference from the OpenAPI document. It takes the folder to write to.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/carteiro/carteiro/api"
)

//go:generate go run . ../../../docs/reference

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// write writes all pages anew, and removes those that no longer are any.
func write(to string) error {
	document, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(to, "*.md"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil { //nolint:gosec // whoever runs it names the folder
			return err
		}
	}
	for name, page := range pages(document) {
		if err := os.WriteFile(filepath.Join(to, name), []byte(page), 0o644); err != nil { //nolint:gosec // for all to read
			return err
		}
	}
	return nil
}
