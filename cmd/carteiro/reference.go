package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	mangokong "github.com/alecthomas/mango-kong"
	"github.com/muesli/roff"
)

//go:generate go run . configuration --to ../../docs/configuration.md

type manCommand struct{}

// Help says more than fits a line.
func (manCommand) Help() string {
	return `	carteiro man > /usr/local/share/man/man1/carteiro.1`
}

// Run prints the manual page, in roff.
func (manCommand) Run(call *kong.Context) error {
	_, err := fmt.Fprint(call.Stdout, mangokong.NewManPage(1, call.Model).Build(roff.NewDocument()))
	return err
}

type configurationCommand struct {
	To string `help:"File to write to (default: standard output)." placeholder:"FILE" type:"path" env:"-"`
}

// Run prints the reference of the settings, in Markdown.
func (c configurationCommand) Run(call *kong.Context) error {
	for _, node := range call.Model.Children {
		if node.Name == "serve" {
			return c.write(call, settingsReference(node.Flags))
		}
	}
	panic("there is no command serve")
}

func (c configurationCommand) write(call *kong.Context, text string) error {
	if c.To == "" {
		_, err := fmt.Fprint(call.Stdout, text)
		return err
	}
	return writeDocument(c.To, text)
}

// settingsReference describes the settings, group by group in the order of the config struct.
func settingsReference(flags []*kong.Flag) string {
	var text strings.Builder
	text.WriteString(`<!-- Written by make generate, from internal/config: change it there. -->
# Configuration

Each setting of ` + "`carteiro serve`" + ` is a flag or an environment variable; the flag wins. A variable that is set to nothing is not
set. Durations are written as ` + "`300ms`, `30s`, `5m` or `72h`" + `. A setting that cannot be understood ends the start with exit code 2.
`)
	group := "?"
	for _, flag := range flags {
		if len(flag.Envs) == 0 {
			continue // no setting: it is about one call
		}
		name := "General"
		if flag.Group != nil {
			name = flag.Group.Title
		}
		if name != group {
			group = name
			fmt.Fprintf(&text, "\n## %s\n\n| flag | variable | default | |\n|---|---|---|---|\n", group)
		}
		fmt.Fprintf(&text, "| `%s` | `%s` | %s | %s |\n", flagName(flag), flag.Envs[0], flagDefault(flag), cell(flag.Help))
	}
	return text.String()
}

func flagName(flag *kong.Flag) string {
	if flag.Tag.Negatable != "" {
		return "--[no-]" + flag.Name
	}
	return "--" + flag.Name
}

func flagDefault(flag *kong.Flag) string {
	switch {
	case flag.HasDefault:
		return "`" + flag.Default + "`"
	case flag.IsBool():
		return "`false`"
	default:
		return "none"
	}
}

// cell is a text that stands in a table of Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(text)
}

func writeDocument(path, text string) error {
	return os.WriteFile(path, []byte(text), 0o644) //nolint:gosec // a document that everybody may read
}
