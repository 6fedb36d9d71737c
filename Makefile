# `make demo` and `make test` each make their own environment (.venv) and install what they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-all lint weights bench clean help

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(VENV)/.base: pyproject.toml constraints.txt
	@echo "making an environment in $(VENV) and installing continuity-gate into it"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "continuity needs Python 3.11 or newer: set PYTHON=python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(VENV)/.base ## enrol a photograph, gate simulated candidates, keep the first within tolerance
	@$(BIN)/continuity demo

weights: $(VENV)/.base ## pull the model files
	@$(BIN)/continuity weights pull

lint: $(VENV)/.dev ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

test: $(VENV)/.dev lint weights ## what has to pass before anything lands
	@$(BIN)/pytest -q -n 2 -m 'not slow'

test-all: $(VENV)/.dev lint weights ## the slow tests too, and the notebooks
	@$(BIN)/pytest -q -n 2
	@$(BIN)/pytest -q --nbmake --nbmake-timeout=120 notebooks

bench: $(VENV)/.dev weights ## scoring speed and the loop's own cost
	@$(BIN)/python benchmarks/scoring.py
	@$(BIN)/python benchmarks/loop.py

clean: ## remove the environment and what the demo wrote
	rm -rf $(VENV) demo-output build dist
