# The two commands are `make run` and `make test`. While working, `cargo xtask ci --quick` is the fast part of the latter.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
DESTDIR ?=
CARGO ?= cargo
# How long each fuzz target runs, in seconds.
FUZZ_SECONDS ?= 60
# More arguments for the development server, as in `make run ARGS=-dev-root-token-id=root`.
ARGS ?=

VENV := .venv
REQUIREMENTS := crates/e2e/python/requirements.txt
NODE := crates/e2e/node
GO := crates/e2e/go
GO_SUITE := .cache/go-suite
STAND_IN := crates/e2e/terraform/provider
STAND_IN_PROVIDER := .cache/terraform-provider/terraform-provider-vault

.PHONY: help
help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

.PHONY: run
run: ## build and start a development server: in memory, unsealed, tells its address, root token and unseal key
	$(CARGO) run --package strongroom -- server -dev $(ARGS)

.PHONY: test
test: clients ## install what the tests need, then run everything that a change must pass
	$(CARGO) xtask ci

.PHONY: clients
clients: tools ## install the client libraries that the tests use (needs a network once)
	@$(MAKE) --no-print-directory --keep-going $(VENV)/installed $(NODE)/node_modules/installed $(GO_SUITE) $(STAND_IN_PROVIDER) || \
		echo "a client is missing: its tests are skipped and say so"

# What the end-to-end tests call beside the binary. Installed only where something is missing.
.PHONY: tools
tools:
	@missing=(); \
	command -v curl >/dev/null || missing+=(curl); \
	command -v unzip >/dev/null || missing+=(unzip); \
	command -v ip >/dev/null || missing+=(iproute2); \
	command -v unshare >/dev/null || missing+=(util-linux); \
	command -v cc >/dev/null || missing+=(gcc libc6-dev); \
	command -v git >/dev/null || missing+=(git); \
	command -v python3 >/dev/null || missing+=(python3); \
	python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv); \
	command -v node >/dev/null || missing+=(nodejs); \
	command -v npm >/dev/null || missing+=(npm); \
	command -v go >/dev/null || missing+=(golang-go); \
	[ -x /usr/sbin/slapd ] || missing+=(slapd); \
	command -v ldapmodify >/dev/null || missing+=(ldap-utils); \
	if [ $${#missing[@]} -eq 0 ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
		echo "please install: $${missing[*]} (tests that lack their client are skipped and say so)"; exit 0; \
	fi; \
	sudo=; if [ "$$(id -u)" -ne 0 ]; then sudo=sudo; fi; \
	echo "installing $${missing[*]}"; \
	$$sudo apt-get update -qq || true; \
	for package in "$${missing[@]}"; do \
		DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends "$$package" || \
			echo "$$package could not be installed: tests that lack their client are skipped and say so"; \
	done

$(VENV)/installed: $(REQUIREMENTS)
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $(REQUIREMENTS)
	touch $@

# Exactly what the lock file says, and none of the scripts that packages would like to run.
$(NODE)/node_modules/installed: $(NODE)/package.json $(NODE)/package-lock.json
	npm ci --prefix $(NODE) --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# The toolchain that is here, never one from the network; its own cache makes the second build free.
$(GO_SUITE): $(wildcard $(GO)/*.go) $(GO)/go.mod $(GO)/go.sum
	mkdir -p $(@D)
	cd $(GO) && GOTOOLCHAIN=local GOFLAGS=-mod=readonly go build -buildvcs=false -o $(CURDIR)/$@ .
	touch $@

# What the tests with Terraform run where the real provider was not built.
$(STAND_IN_PROVIDER): $(wildcard $(STAND_IN)/*.go) $(STAND_IN)/go.mod $(STAND_IN)/go.sum
	mkdir -p $(@D)
	cd $(STAND_IN) && GOTOOLCHAIN=local GOFLAGS=-mod=readonly go build -trimpath -buildvcs=false -o $(CURDIR)/$@ .
	touch $@

# Programs of others: large builds, made once into a cache outside the tree. Each folder is named after what is built,
# so that another pin is another program.
TERRAFORM_PROGRAMS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/strongroom/terraform
# v5.11.0, by its commit: the module's path lacks the /v5 that its tags would need.
VAULT_PROVIDER_COMMIT := fcb48e97776faec650b949676f2281d916e6e6d8
VAULT_PROVIDER := $(TERRAFORM_PROGRAMS)/vault-$(VAULT_PROVIDER_COMMIT)/terraform-provider-vault
OVH_PROVIDER_VERSION := v2.19.0
OVH_PROVIDER := $(TERRAFORM_PROGRAMS)/ovh-$(OVH_PROVIDER_VERSION)/terraform-provider-ovh

.PHONY: terraform-programs
terraform-programs: $(VAULT_PROVIDER) ## build the real Terraform provider for Vault, once, into a cache (needs a network)

.PHONY: terraform-programs-ovh
terraform-programs-ovh: $(OVH_PROVIDER) ## the same for the provider of OVHcloud

# A program counts once it is whole: the last step gives it its name.
$(VAULT_PROVIDER):
	mkdir -p $(@D)
	GOTOOLCHAIN=local GOBIN=$(@D)/new go install -trimpath -ldflags='-s -w' \
		github.com/hashicorp/terraform-provider-vault@$(VAULT_PROVIDER_COMMIT)
	mv $(@D)/new/terraform-provider-vault $@

$(OVH_PROVIDER):
	mkdir -p $(@D)
	GOTOOLCHAIN=local GOBIN=$(@D)/new go install -trimpath -ldflags='-s -w' \
		github.com/ovh/terraform-provider-ovh/v2@$(OVH_PROVIDER_VERSION)
	mv $(@D)/new/terraform-provider-ovh $@

.PHONY: test-terraform
test-terraform: $(STAND_IN_PROVIDER) ## run Terraform against the server, with the real provider where it can be built
	@$(MAKE) --no-print-directory terraform-programs || \
		echo "the real provider could not be built: its stand-in from $(STAND_IN) takes its place"
	$(CARGO) build --package strongroom
	$(CARGO) test --package e2e --test it -- --nocapture terraform

.PHONY: bench
bench: ## measure the release build against its budgets and write docs/performance.md; QUICK=1 or ROWS=read,write only prints, ROWS=leases writes its rows
	@command -v wrk >/dev/null || { echo "wrk is missing: install Debian's package of that name"; exit 1; }
	$(CARGO) build --release --package strongroom --package bench
	STRONGROOM_BIN=target/release/strongroom target/release/bench $(if $(QUICK),--quick) $(if $(BUILD),--build) \
		$(if $(ROWS),--rows $(ROWS)) $(if $(QUICK),,--write docs/performance.md)

.PHONY: microbench
microbench: ## measure the hot pieces alone, in two minutes; arguments of criterion as in `make microbench ARGS=decide`
	$(CARGO) bench --package policy --package framework --package barrier --package engines --package strongroom \
		--bench acl --bench envelope --bench entry --bench route --bench request -- \
		--warm-up-time 1 --measurement-time 2 $(ARGS)

.PHONY: profile
profile: ## show where the server spends its time under the load of ROWS, by default read (needs perf)
	@command -v perf wrk >/dev/null || { echo "perf or wrk is missing: install Debian's linux-perf and wrk"; exit 1; }
	$(CARGO) build --release --package bench
	$(CARGO) build --profile profiling --package strongroom
	STRONGROOM_BIN=target/profiling/strongroom perf record --quiet --freq 999 --output target/profiling/perf.data \
		target/release/bench --quick --rows $(or $(ROWS),read)
	perf report --stdio --input target/profiling/perf.data --dsos strongroom,libc.so.6 --percentage relative \
		--sort comm,dso,symbol --percent-limit 0.7 2>/dev/null

.PHONY: audit
audit: ## compare the dependencies with the RustSec advisories (needs a network)
	@if ! $(CARGO) audit --version >/dev/null 2>&1; then \
		echo "cargo-audit is missing: cargo install --locked cargo-audit"; exit 1; \
	fi; \
	if ! $(CARGO) audit; then \
		echo "not clean, or not checked: without a network to fetch the advisories, nothing was compared"; exit 1; \
	fi

.PHONY: fuzz
fuzz: ## fuzz every parser for FUZZ_SECONDS each (needs the nightly toolchain and cargo-fuzz)
	@if ! $(CARGO) +nightly --version >/dev/null 2>&1; then \
		echo "the nightly toolchain is missing: rustup toolchain install nightly"; exit 1; \
	fi; \
	if ! $(CARGO) fuzz --version >/dev/null 2>&1; then \
		echo "cargo-fuzz is missing: cargo install --locked cargo-fuzz"; exit 1; \
	fi; \
	for target in fuzz/fuzz_targets/*.rs; do \
		name=$$(basename "$$target" .rs); \
		echo "== $$name"; \
		corpus=fuzz/corpus/$$name; mkdir -p "$$corpus"; \
		new=$$(mktemp -d); \
		$(CARGO) +nightly fuzz run "$$name" "$$new" "$$corpus" -- -max_total_time=$(FUZZ_SECONDS) -timeout=10; \
		rm -r "$$new"; \
	done

.PHONY: install
install: ## build for release and install under PREFIX (also as `vault` and `bao`); DESTDIR is respected
	STRONGROOM_BUILD_DATE="$$(git log -1 --format=%cI 2>/dev/null)" $(CARGO) build --release --package strongroom
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 0755 target/release/strongroom "$(DESTDIR)$(PREFIX)/bin/strongroom"
	ln -sf strongroom "$(DESTDIR)$(PREFIX)/bin/vault"
	ln -sf strongroom "$(DESTDIR)$(PREFIX)/bin/bao"

.PHONY: clean
clean: ## remove everything that was built or installed here
	$(CARGO) clean
	rm -rf $(VENV) $(NODE)/node_modules $(GO_SUITE) $(dir $(STAND_IN_PROVIDER)) fuzz/target fuzz/artifacts
