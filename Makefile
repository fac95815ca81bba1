# Two commands: `make lab` sets up and runs the main job, `make test` sets up and passes every check.
PYTHON ?= python3
BIN := .venv/bin
QUICK := tests/spec tests/model tests/conformance tests/formal/language tests/formal/traces tests/formal/explicit \
  tests/formal/reports tests/sim/kernel tests/sim/scenarios tests/sim/statistics tests/sim/measures tests/sim/world \
  tests/impl/agent tests/impl/storage tests/impl/command tests/impl/test_keys.py
.DEFAULT_GOAL := help
.PHONY: help lab test quick check types lint imports unit notebooks versions lock clean

help:        ## list the targets
	@grep -hE '^[a-z]+: .*##' Makefile | sed 's/:.*##/\t/'

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "flk-lab needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

lab: .venv/ready  ## set up, run the main scenario on real records, compare a live server with the model
	$(BIN)/flk lab

test: lint types imports unit notebooks  ## set up and pass every check

quick: lint types .venv/ready  ## lint, types and the fast tests, in under two minutes
	$(BIN)/pytest -n 2 -m "not slow" $(QUICK)

check: lint types imports  ## the checks that run nothing

lint: .venv/ready  ## style, and the form of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready  ## types, of everything
	$(BIN)/mypy

imports: .venv/ready  ## who may import whom, and no cycles
	$(BIN)/lint-imports

unit: .venv/ready  ## every test but the notebooks
	$(BIN)/pytest -n 2 --dist worksteal tests

notebooks: .venv/ready  ## execute the notebooks
	$(BIN)/pytest --nbmake notebooks

versions: .venv/ready  ## the core and the quick tests of it under every Python from 3.11 on that is found
	$(BIN)/python -m tests.support.impl.versions

lock:        ## pin the dependencies anew, with hashes and without the name of any host
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --output-file requirements.lock

clean:       ## remove what the other targets made
	rm -rf .venv out build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
