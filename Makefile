# Two commands: `make lab` sets up and runs the main job, `make test` sets up and passes every check.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
FAST := tests/spec tests/model tests/conformance tests/formal/language tests/formal/traces tests/formal/explicit \
  tests/formal/reports tests/sim/kernel tests/sim/scenarios tests/sim/statistics tests/sim/measures tests/sim/world \
  tests/impl/agent tests/impl/storage tests/impl/command tests/impl/test_keys.py
WITH_NOTEBOOKS := -p nbmake.pytest_plugin --nbmake
.DEFAULT_GOAL := help
# The tests start hundreds of interpreters: they read the bytecode that the first of them writes, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=
# Interpreters of pyenv, or of the system.
PYTHONS ?= $(shell for n in 11 12 13 14; do ls -d $(HOME)/.pyenv/versions/3.$$n.*/bin/python3 2>/dev/null || command -v python3.$$n || true; done)
.PHONY: help lab test quick fast check types lint imports unit notebooks site snippets versions lock clean

help:        ## list the targets
	@grep -hE '^[a-z]+: .*##' Makefile | sed 's/:.*##/\t/'

$(VENV)/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "flk-lab needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true  # pip would, too, and one file after the other
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

lab: $(VENV)/ready  ## set up, run the main scenario on real records, compare a live server with the model
	$(BIN)/flk lab

test: $(VENV)/ready  ## set up and pass every check
	$(MAKE) --jobs 2 check
	$(BIN)/pytest -n 3 --dist worksteal $(WITH_NOTEBOOKS) tests notebooks

quick: lint types fast  ## lint, types and the fast tests, in under two minutes

fast: $(VENV)/ready  ## the fast tests
	$(BIN)/pytest -n 2 -m "not slow" $(FAST)

check: lint types imports  ## the checks that run nothing

lint: $(VENV)/ready  ## style, and the form of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready  ## types, of everything
	$(BIN)/mypy

imports: $(VENV)/ready  ## who may import whom, and no cycles
	$(BIN)/lint-imports

unit: $(VENV)/ready  ## every test but the notebooks
	$(BIN)/pytest -n 3 --dist worksteal tests

notebooks: $(VENV)/ready  ## execute the notebooks
	$(BIN)/pytest -n 2 $(WITH_NOTEBOOKS) notebooks

site: $(VENV)/ready  ## build the site into out/site; the tests build it too
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

snippets: $(VENV)/ready  ## write what the commands and the code of pages print now into the pages
	PYTHONPATH=spec/docs $(BIN)/python -m flkdocs.snippets README.md spec/docs/pages/tutorial/*.md

versions:    ## the fast tests, and those of the wheel, under every Python from 3.11 to 3.14 that is found
	for python in $(PYTHONS); do \
	  venv=.venv/$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])') && \
	  $(MAKE) PYTHON=$$python VENV=$$venv fast && $$venv/bin/pytest tests/integration/test_distribution.py || exit 1; \
	done

lock:        ## pin the dependencies anew, with hashes and without the name of any host
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --output-file requirements.lock

clean:       ## remove what the other targets made
	rm -rf .venv out build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
