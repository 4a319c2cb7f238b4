# Every target sets up what it needs: Python 3.11+ and make are enough for `make demo`;
# `make test` also compiles canisters, for which it fetches compilers from npm, PyPI and Debian.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

.PHONY: demo
demo: $(VENV)/runtime.stamp ## Rehearse upgrades of a real Motoko canister, break it, get it back
	@$(BIN)/canister-sandbox demo --reports .cache/demo

.PHONY: test
test: check canisters ## Linters, types, import contracts and all tests
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

.PHONY: check
check: $(VENV)/dev.stamp ## Linters, types and import contracts only
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: canisters
canisters: $(VENV)/dev.stamp ## Compile the test canisters that are not up to date
	$(BIN)/python tests/canisters/build.py

.PHONY: bench
bench: .cache/bench/stamp ## Measure speed as ratios in one run
	@.cache/bench/bin/python -m tests.benchmarks

.PHONY: docs
docs: $(VENV)/dev.stamp ## Write the generated pages of docs/ anew
	$(BIN)/python tests/cli_reference.py
	$(BIN)/python tests/finding_pages.py
	$(BIN)/python tests/reference_pages.py

.PHONY: format
format: $(VENV)/dev.stamp ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: clean
clean: ## Remove everything that the other targets made
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Canister Sandbox needs Python 3.11 or newer; say which with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "This Python cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/runtime.stamp: pyproject.toml | $(VENV)/bin/python
	@echo "Installing the sandbox into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml | $(VENV)/bin/python
	@echo "Installing the sandbox and its development tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/runtime.stamp

# An environment of its own: the published Candid codecs, which we are compared with, bring
# old dependencies along. Without them the other rows are measured all the same.
.cache/bench/stamp: pyproject.toml | $(VENV)/bin/python
	@$(PYTHON) -m venv .cache/bench
	@.cache/bench/bin/python -m pip install --quiet --disable-pip-version-check --editable . pytest
	@.cache/bench/bin/python -m pip install --quiet --disable-pip-version-check icp-py-core ic-py || \
	  echo "The published Candid codecs are not to be had; their columns stay empty."
	@touch $@
