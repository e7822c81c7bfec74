.DEFAULT_GOAL := help
# What makes the virtual environment.
PYTHON ?= python3
PY := .venv/bin/python
BIN := .venv/bin
# Where generate writes.
GEN := protos/gen
# Workers run whole files in their order, so that tests of one folder share its running system. Two for each core,
# because tests often wait.
WORKERS := $(shell $(PYTHON) -c 'import os; print(min(8, 2 * (os.cpu_count() or 1)))')
ON_VAST := --engine vast tests/api tests/conformance --deselect tests/conformance/fuzzing/test_fuzzing.py
SIDE_BY_SIDE := --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
QUICK := -m "not slow and not alone"
SLOW := -m "slow and not alone"
# These take processes and hosts away under load, so they have the machine for themselves.
ALONE := -m alone tests/system
AGAIN := -v --exitfirst --last-failed --last-failed-no-failures none
# Trust what the system trusts, where it says so: behind a company's proxy nothing else works.
export UV_SYSTEM_CERTS := $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),true,false)
# Compiled modules are kept, whatever the shell says: tests start hundreds of processes of the same code.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install up test test-all test-sqlite test-vast test-slow test-alone
.PHONY: test-sqlite-again test-vast-again test-slow-again test-alone-again lock
.PHONY: generate generate-check proto-lint lint types imports docs docs-site dashboards monitoring bench

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is not Python 3.11 or newer; name one with PYTHON=..."; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv >/dev/null \
		|| { echo "cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .ci/uv.lock
	@$(BIN)/uv pip sync --quiet --python $(PY) --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $@

install: .venv/.installed  ## Make the virtual environment from the lock file

up: .venv/.installed  ## Run a whole store in the foreground; Ctrl-C stops it, the data stays
	@exec $(BIN)/tams up

test: test-sqlite test-vast  ## Run all tests but the slow ones, those of the API on both table engines

test-all: test test-slow test-alone  ## Run all tests

test-sqlite: .venv/.installed  ## Run the tests side by side, those of the API with SQLite
	@$(PY) -m pytest $(SIDE_BY_SIDE) $(QUICK)

test-vast: .venv/.installed  ## Run the tests of the API with VAST
	@$(PY) -m pytest $(SIDE_BY_SIDE) $(ON_VAST)

test-slow: .venv/.installed  ## Run the tests of whole stores, of kills and faults, and with much data
	@$(PY) -m pytest $(SIDE_BY_SIDE) $(SLOW)

test-alone: .venv/.installed  ## Run the tests that need the machine for themselves
	@$(PY) -m pytest $(ALONE)

test-sqlite-again: .venv/.installed  ## Run those that failed, one by one, until one fails again
	@$(PY) -m pytest $(AGAIN) $(QUICK)

test-vast-again: .venv/.installed  ## Run those that failed with VAST, one by one, until one fails again
	@$(PY) -m pytest $(AGAIN) $(ON_VAST)

test-slow-again: .venv/.installed  ## Run the slow ones that failed, one by one, until one fails again
	@$(PY) -m pytest $(AGAIN) $(SLOW)

test-alone-again: .venv/.installed  ## Run those that failed alone, until one fails again
	@$(PY) -m pytest $(AGAIN) $(ALONE)

lock:  ## Resolve the dependencies again
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--all-extras pyproject.toml --output-file requirements.lock
	@echo uv==$$(sed -nE 's/^uv==([^ ]+).*/\1/p' requirements.lock) | $(BIN)/uv pip compile --quiet --universal \
		--python-version 3.11 --generate-hashes --no-header --no-annotate - --output-file .ci/uv.lock

generate: .venv/.installed  ## Write protos/gen from protos/tams
	@rm -rf $(GEN)/tams && mkdir -p $(GEN)/tams && touch $(GEN)/tams/py.typed
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(PY) -m grpc_tools.protoc -Iprotos --python_out=$(GEN) --grpc_python_out=$(GEN) \
		--mypy_out=$(GEN) --mypy_grpc_out=$(GEN) $$(find protos/tams -name '*.proto' | LC_ALL=C sort)

generate-check: .venv/.installed  ## Fail unless protos/gen is what generate would write
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && $(MAKE) --no-print-directory generate GEN="$$fresh" \
		&& diff -r --brief --exclude=__pycache__ "$$fresh" protos/gen

proto-lint: .venv/.installed  ## Check the style and comments of the protos
	@$(BIN)/buf lint

lint: .venv/.installed  ## Check style, formatting and the English of pages and comments
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(PY) -m tests.project.prose

types: .venv/.installed  ## Check types, strictly
	@$(BIN)/mypy

imports: .venv/.installed  ## Check that imports follow the architecture
	@$(BIN)/lint-imports

docs: .venv/.installed  ## Write docs/settings.md, docs/access-control.md and the list of public settings from the code
	@$(PY) docs/generate_settings.py
	@$(PY) docs/generate_scopes.py

dashboards: .venv/.installed  ## Write k8s/monitoring/dashboards from k8s/monitoring/panels
	@$(PY) k8s/monitoring/generate_dashboards.py

monitoring:  ## Write k8s/monitoring/rules.yaml from the files in k8s/monitoring/rules
	@{ printf 'apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: tams\nspec:\n  groups:\n'; \
		cat k8s/monitoring/rules/*.yaml | sed -e '/^groups:/d' -e '/./s/^/  /'; } > k8s/monitoring/rules.yaml

docs-site: .venv/.installed  ## Build the site of the documentation in build/site; warnings are errors
	@NO_MKDOCS_2_WARNING=true $(PY) -m mkdocs build --strict --clean --config-file docs/site/mkdocs.yml

bench: .venv/.installed  ## Measure speed and size: BENCH="NAME … --rounds N" for some of it
	@$(PY) -m bench $(BENCH)
