# Needs make and a Python >= 3.11. `make demo` runs the exporter, `make test` proves it; see docs/development.md.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: demo test lint format bench generate check-generated rules lock dist stack venv tools clean

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Scripts that write committed files; each understands --check.
GENERATORS := docs/generate.py grafana/generate.py helm/sync.py
# Folders as well: a deleted file changes only its folder.
SOURCES := pyproject.toml LICENSE $(wildcard README.md) $(shell find exporter -not -path '*/__pycache__*')
UV_VERSION := 0.13.8
UV := .tools/lock/bin/uv
COMPILE = $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate \
  --custom-compile-command "make lock"
# The tests run what is installed, in processes that start others and mostly wait for them; those that are marked `alone`
# measure times, which others at work would spoil, and so would the tracer that measures the coverage.
PYTEST := PYTHONSAFEPATH=1 $(BIN)/pytest
WORKERS := 4
# More arguments for the command of a target: make demo ARGS=--log.level=debug
ARGS ?=

demo: $(VENV)/.installed
	$(BIN)/azure-marketplace-exporter --demo $(ARGS)

# PYTHONSAFEPATH: programs that the tests start import the installed package too, not the folder they start in.
test: $(VENV)/.dev $(VENV)/.installed
ifeq ($(ARGS),)
	failed=0; \
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not alone" --cov --cov-report=term || failed=$$?; \
	$(PYTEST) -m alone || failed=$$?; \
	exit $$failed
else
	$(PYTEST) $(ARGS)
endif

# What is read and not run: code, workflows, lock files, pages.
lint: $(VENV)/.dev $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -q tests/lint

format: $(VENV)/.dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.dev $(VENV)/.installed
	$(BIN)/python tests/benchmarks/run.py $(ARGS)

generate: $(VENV)/.dev $(VENV)/.installed
	for generator in $(GENERATORS); do $(BIN)/python "$$generator"; done

check-generated: $(VENV)/.dev $(VENV)/.installed
	for generator in $(GENERATORS); do $(BIN)/python "$$generator" --check; done

# The alert rules with links: RUNBOOK_URL is where docs/runbooks is served, GRAFANA_URL the address of your Grafana.
RUNBOOK_URL ?=
GRAFANA_URL ?=
RULES := dist/azure-marketplace.rules.yaml
rules: $(VENV)/.dev
	$(BIN)/python grafana/rule_links.py --runbook-url='$(RUNBOOK_URL)' --grafana-url='$(GRAFANA_URL)' $(RULES)
	@echo wrote $(RULES)

lock: $(UV)
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])' | \
	  $(COMPILE) - -c requirements-dev.txt -o requirements-build.txt

dist: $(VENV)/.dev
	$(BIN)/python .ci/dist.py

stack: $(VENV)/.dev $(VENV)/.installed
	$(BIN)/python grafana/stack.py $(ARGS)

venv: $(VENV)/.dev $(VENV)/.installed

tools:
	.ci/tools

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* dist

# The first Python >= 3.11 that really runs: a version manager may have put names on the path that only fail.
$(VENV)/.made:
	@for python in python3.13 python3.12 python3.11 python3; do \
	  "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  "$$python" -m venv --clear $(VENV); touch $@; exit 0; \
	done; \
	echo 'make: no Python >= 3.11 with the venv module found on the path' >&2; exit 1

# What the exporter needs to run, and the backend that builds its wheel.
$(VENV)/.runtime: requirements.txt requirements-build.txt | $(VENV)/.made
	$(PIP) install -q --require-hashes -r requirements.txt -r requirements-build.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt | $(VENV)/.made
	$(PIP) install -q --require-hashes -r requirements-dev.txt
	touch $@

# The package itself, from the tree, as users get it: a wheel in site-packages, never a link to the sources.
$(VENV)/.installed: $(SOURCES) | $(VENV)/.runtime
	$(PIP) install -q --no-deps --no-build-isolation --force-reinstall .
	touch $@

$(UV): | $(VENV)/.made
	$(BIN)/python -m venv --clear .tools/lock
	.tools/lock/bin/python -m pip --disable-pip-version-check install -q uv==$(UV_VERSION)
