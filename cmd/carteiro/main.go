// Command carteiro is the webhook delivery server and its tools. It parses flags and minds signals, nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"

	"github.com/carteiro/carteiro/internal/config"
)

// version and revision are set by the linker.
var version, revision = "dev", ""

// commands are the verbs of the command line.
type commands struct {
	ShowVersion versionFlag `name:"version" help:"Print the version and exit." env:"-"`

	Serve       serveCommand       `cmd:"" help:"Run the server."`
	Environment environmentCommand `cmd:"" help:"Create, list and delete environments, and replace their tokens."`
	Secrets     secretsCommand     `cmd:"" help:"Keys that encrypt the webhooks' secrets in the database."`
	Token       tokenCommand       `cmd:"" help:"Create, list, revoke and rotate the tokens of an environment."`
	Trigger     triggerCommand     `cmd:"" help:"Publish a sample event to test a receiver."`
	Listen      listenCommand      `cmd:"" help:"Forward a webhook's deliveries to a program on this machine."`
	Import      importCommand      `cmd:"" help:"Import endpoints from Svix or Convoy."`
	Backup      backupCommand      `cmd:"" help:"Back up the SQLite database (safe while a server is running)."`
	Restore     restoreCommand     `cmd:"" help:"Restore the SQLite database from a backup."`
	Doctor      doctorCommand      `cmd:"" help:"Check database consistency (safe while servers are running)."`
	Migrate     migrateCommand     `cmd:"" help:"Copy all data from one database to another."`
	Ready       readyCommand       `cmd:"" help:"Check whether a running server is ready."`
	Bench       benchCommand       `cmd:"" help:"Benchmark the server on this machine."`
	Version     versionCommand     `cmd:"" help:"Print version and build information."`

	Completion    kongcompletion.Completion `cmd:"" help:"Print the completion script for bash, zsh or fish."`
	Man           manCommand                `cmd:"" help:"Print the manual page."`
	Configuration configurationCommand      `cmd:"" help:"Print the reference of all settings."`
	Docs          docsCommand               `cmd:"" help:"Write the documentation as a static site."`
}

// The first line stands as the name's explanation in the manual page.
const description = `Carteiro delivers webhooks.

It takes events in over HTTP, keeps them in one file, and sends each to the webhooks that want it: signed, logged, and
again when need be.

To look around, with made-up data that is gone afterwards:

	carteiro serve --demo

To begin:

	carteiro environment create production
	carteiro serve

A setting is a flag or an environment variable, which "carteiro serve --help" names beside each other; the flag wins.`

// The exit codes of the process, beside 0.
const (
	exitFailure = 1
	exitUsage   = 2 // invalid command line, setting or settings file; or doctor could not check the database
)

func main() {
	tuneCollector(defaultBudget)
	ignoreEmptyVariables()
	parser, err := kong.New(new(commands),
		kong.Name("carteiro"),
		kong.Description(description),
		kong.DefaultEnvars(config.EnvPrefix),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.ShortUsageOnError(),
		kong.Exit(func(code int) {
			if code != 0 {
				code = exitUsage // kong's own is 80, which no shell knows
			}
			os.Exit(code)
		}),
	)
	if err != nil {
		panic(err) // the tags of the command structs are wrong
	}
	kongcompletion.Register(parser) // answers the shell and ends, when it is the shell that asks
	call, err := parser.Parse(os.Args[1:])
	if err != nil {
		parser.Stdout = os.Stderr // where the usage goes: standard output may be captured, as in TOKEN=$(carteiro …)
	}
	parser.FatalIfErrorf(err)
	ctx, stop := untilSignal(func() {
		fmt.Fprintln(os.Stderr, "carteiro: stopped at once; what was in flight is sent again after the next start")
		os.Exit(exitFailure)
	})
	defer stop()
	call.BindTo(ctx, (*context.Context)(nil))
	if err := call.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "carteiro:", err)
		os.Exit(exitCode(err)) //nolint:gocritic // the context ends with the process
	}
}

func exitCode(err error) int {
	coded, ok := errors.AsType[codeError](err)
	switch {
	case ok:
		return coded.code
	case errors.Is(err, config.ErrUsage):
		return exitUsage
	default:
		return exitFailure
	}
}

// usageError returns an error of the command line: the process exits with code 2.
func usageError(format string, args ...any) error { return config.Usage(fmt.Errorf(format, args...)) }

// codeError is an error with an exit code of its own.
type codeError struct {
	error
	code int
}

// Unwrap gives the error alone.
func (e codeError) Unwrap() error { return e.error }

// ignoreEmptyVariables takes a variable that is set to nothing for one that is not set, as compose files mean it.
func ignoreEmptyVariables() {
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); value == "" && strings.HasPrefix(name, config.EnvPrefix+"_") {
			_ = os.Unsetenv(name) // fails only for names that no environment has
		}
	}
}

// untilSignal gives a context that ends at the first SIGTERM or SIGINT. At the second it calls atOnce.
func untilSignal(atOnce func()) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		cancel()
		<-signals
		atOnce()
	}()
	return ctx, cancel
}
