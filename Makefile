# The chores of Carteiro. `make help` lists them; the tools they use are pinned in tools/go.mod.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# What a caller may set: make test PKG=./internal/dispatch/... RUN=TestLane
PKG         ?= ./...
RUN         ?=
TESTTIMEOUT ?= 30m
FUZZTIME    ?= 30s
SOAKTIMEOUT ?= 3h
MUTATE      ?=
BENCH       ?= .
BENCHTIME   ?= 100ms
BENCHCOUNT  ?= 6
BASELINE    ?= docs/bench/baseline.txt
# make figures FIGURES="throughput logs", or FIGURES=--small to try them out; LOGS=DIR keeps the long logs elsewhere.
FIGURES     ?=
LOGS        ?=

# Use the Go toolchain that go.mod pins; the go command downloads it if the machine has an older one.
export GOTOOLCHAIN ?= auto

GO          ?= go
TOOL        := $(GO) tool -modfile=tools/go.mod
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION    ?= $(shell git rev-parse HEAD 2>/dev/null)
# The version is stamped here, from git when there is one, so that a tarball or a clone of another owner builds too:
# that is why the go command is told not to ask git itself.
BUILD       := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)'
# The race detector is never left out: without a C compiler need-gcc installs one or says what to install.
RACE        := CGO_ENABLED=1
# SQLite is C translated to Go. Its memory lies outside of Go's heap, where the detector sees nothing, so that instrumenting it
# only makes it five times slower.
RACEFLAGS   := -race -gcflags=modernc.org/...=-race=false

.PHONY: help
help: ## List the chores
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: web binary ## Build the dashboard's page and the static binary bin/carteiro

.PHONY: binary
binary: ## Build bin/carteiro alone, with the page as it was built last, or without
	$(BUILD) -o bin/carteiro ./cmd/carteiro

.PHONY: web
web: ## Build the dashboard's page (needs Node)
	@scripts/need-node
	@scripts/build-web

.PHONY: run
run: build ## Build, then serve with demo data
	bin/carteiro serve --demo

.PHONY: check
check: ## Build, vet, lint changed packages and run unit tests, without race detector, databases, brokers and browsers (BASE=)
	@BASE='$(BASE)' GO='$(GO)' scripts/check

.PHONY: test
test: ## Run every test under the race detector, in random order (PKG=, RUN=)
	@scripts/need-gcc
	@scripts/need-curl
	@scripts/need-redis
	@scripts/need-rabbitmq
	@scripts/need-examples
	$(RACE) scripts/need-postgres $(TOOL) gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg -- \
		$(RACEFLAGS) -shuffle=on -timeout $(TESTTIMEOUT) $(if $(RUN),-run '$(RUN)') $(PKG)
	$(if $(NARROWED),,@$(MAKE) --no-print-directory test-web)

.PHONY: test-examples
test-examples: ## Run the receivers of examples/ against a real server
	@scripts/need-examples
	$(GO) test -count=1 -run '^TestExamples' ./test/e2e

.PHONY: interop
interop: ## Run the binary against servers, proxies and clients of others (RUN=)
	@scripts/need-interop
	PATH="$$PATH:/usr/sbin" $(TOOL) gotestsum --format pkgname-and-test-fails -- \
		-tags interop -count=1 -timeout 30m $(if $(RUN),-run '$(RUN)') ./test/interop

.PHONY: lint
lint: ## Run the linters of .golangci.yml and of the dashboard, and check the language of the documentation
	$(TOOL) golangci-lint run $(PKG)
	$(if $(NARROWED),,@$(GO) test -count=1 -run 'PlainEnglish$$$$' .)
	$(if $(NARROWED),,@$(MAKE) --no-print-directory lint-web)

.PHONY: fmt
fmt: ## Format the Go files
	@git ls-files -z -co --exclude-standard -- '*.go' | \
		xargs -0 -r bash -c 'for f; do if [ -e "$$f" ]; then gofmt -l -w "$$f"; fi; done' fmt

.PHONY: generate
generate: ## Write the generated files anew
	$(GO) generate ./...

.PHONY: verify
verify: ## Fail when generated files, go.mod or formatting are stale; changes nothing
	@scripts/verify

.PHONY: docs-site
docs-site: binary ## Write the documentation as a site of files, into dist/docs
	@rm -rf dist/docs
	bin/carteiro docs --out dist/docs

# Six runs are the fewest from which benchstat gives an interval. Only packages that have benchmarks are built.
.PHONY: bench
bench: ## Run the microbenchmarks and compare them with the stored baseline (PKG=, BENCH=, BENCHTIME=, BENCHCOUNT=)
	@mkdir -p bin
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) -count $(BENCHCOUNT) \
		$(if $(filter ./...,$(PKG)),$$(git grep --untracked -lE '^func Benchmark' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,'),$(PKG)) \
		| tee bin/bench.txt
	@$(TOOL) benchstat $(BASELINE) bin/bench.txt

.PHONY: bench-baseline
bench-baseline: ## Store the last `make bench` as the baseline
	@mkdir -p $(dir $(BASELINE))
	cp bin/bench.txt $(BASELINE)

.PHONY: figures
figures: build ## Measure everything that docs/performance.md shows, and put it there (FIGURES=, LOGS=)
	@LOGS=$(LOGS) scripts/figures $(FIGURES)

.PHONY: allocations
allocations: ## Fail when an event on the hot path allocates a tenth more than it did
	$(GO) test -count=1 -run '^TestAllocations' -v ./internal/app ./internal/send

.PHONY: soak
soak: ## Run the long tests (build tag soak) under the race detector
	@scripts/need-gcc
	@dirs=$$({ git grep --untracked -lE '^//go:build soak' -- '*_test.go' || true; } | xargs -r -n1 dirname | sort -u | sed 's,^,./,'); \
	if [ -z "$$dirs" ]; then echo 'no test carries the build tag soak'; exit 0; fi; \
	$(RACE) scripts/need-postgres $(TOOL) gotestsum --format standard-verbose -- $(RACEFLAGS) -tags soak -count=1 -timeout $(SOAKTIMEOUT) $$dirs

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME
	@FUZZTIME=$(FUZZTIME) scripts/fuzz

# One process at low priority: a run takes minutes to hours. MUTATE="-sample 0" tests every mutant, "-at dial.go:63" those of a line.
.PHONY: mutate
mutate: ## Measure how many small mistakes in a package its tests detect (PKG=, MUTATE=)
	@if [ '$(PKG)' = ./... ]; then echo 'mutate: name a package, for example PKG=internal/send' >&2; exit 2; fi
	@scripts/need-redis
	@scripts/need-rabbitmq
	@$(GO) build -o bin/mutation ./test/mutation
	@nice -n 15 scripts/need-postgres bin/mutation $(MUTATE) $(PKG)

.PHONY: vuln
vuln: ## Look the dependencies up among known vulnerabilities; says so where that is not possible (PKG=, GOVULNDB=)
	@PKG='$(PKG)' scripts/vuln

.PHONY: clean
clean: ## Remove what the chores have built
	rm -rf bin dist web/node_modules
	find web/dist -mindepth 1 ! -name .placeholder -delete

# Not empty when PKG or RUN leave the rest out: then the dashboard is left out too.
NARROWED = $(RUN)$(filter-out ./...,$(PKG))

.PHONY: test-web
test-web: build ## Run the dashboard's tests in Chromium, against the binary on a real store
	@scripts/need-chromium
	@cd web && npm test --silent

.PHONY: lint-web
lint-web: web ## Check the dashboard's types, formatting and rules
	@cd web && npm run --silent check
