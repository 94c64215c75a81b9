# Every target works from a bare clone: it makes .venv first if need be.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TESTS ?= tests
CHROMIUM = $(or $(COUNTERSIGN_CHROMIUM),$(shell command -v chromium || command -v chromium-browser || command -v google-chrome))

.DEFAULT_GOAL := help
.PHONY: help install demo up showcase test test-browser test-faults test-tryton check bench docs lock clean

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Countersign needs Python 3.11 or newer; '$(PYTHON)' is older or missing. Try: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Making $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(STAMP): $(BIN)/uv pyproject.toml constraints.txt
	@echo "Installing Countersign and what it needs …"
	@$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --compile-bytecode -c constraints.txt --group dev -e .
	@touch $@

install: $(STAMP)  ## make .venv with everything, locked by constraints.txt

demo: $(STAMP)  ## the main job, embedded; AUTO=1 plays the reviewer too
	@$(BIN)/countersign demo $(if $(AUTO),--auto)

up: $(STAMP)  ## Prefect server, approval queue and worker on this machine
	@$(BIN)/countersign up

showcase: $(STAMP)  ## a queue full of invented requests, to look around; PORT=4280
	@$(BIN)/python -m flows.demo.showcase --serve $(or $(PORT),4280)

test: $(STAMP)  ## every test that needs no browser
	@$(BIN)/python -m pytest -n auto --dist worksteal $(TESTS)
	@echo "The pages have tests in a browser as well: make test-browser"

test-browser: $(STAMP)  ## the pages in Chromium
	@test -n "$(CHROMIUM)" || { echo "Install Chromium (on Debian: apt-get install chromium), or set COUNTERSIGN_CHROMIUM to one." >&2; exit 1; }
	@COUNTERSIGN_CHROMIUM="$(CHROMIUM)" $(BIN)/python -m pytest -m browser tests/browser

test-faults: $(STAMP)  ## what takes minutes: every part killed at every point of a run's life, and more of the kind
	@$(BIN)/python -m pytest -m faults tests/e2e

test-tryton: $(STAMP)  ## the CRM's contract against a real Tryton server, in an environment of its own
	@$(BIN)/python tests/agents/crm/tryton_environment.py
	@$(BIN)/python -m pytest -m tryton tests/contract/test_crm.py tests/contract/test_vendors_killed.py tests/agents/crm

check: $(STAMP)  ## lint, types, architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>&1 | tail -n 30

bench: $(STAMP)  ## measure what README claims
	@for file in bench/*.py; do $(BIN)/python $$file || exit 1; done

docs: $(STAMP)  ## check that the documents tell the truth
	@$(BIN)/python -m pytest tests/docs

lock: $(BIN)/uv  ## renew constraints.txt (name==version lines, no index address)
	@$(BIN)/uv pip compile --quiet --system-certs --no-header --no-annotate --universal --python-version 3.11 --group dev pyproject.toml -o constraints.txt

clean:  ## remove what make made
	@rm -rf $(VENV) build dist *.egg-info .ruff_cache .mypy_cache .import_linter_cache .hypothesis
