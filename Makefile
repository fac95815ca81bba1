# Two commands: `make lab` sets up and runs the main job, `make test` sets up and passes every check.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help lab test check types lint imports unit site notebooks lock clean

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

check: lint types imports  ## the checks that run nothing

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

imports: .venv/ready
	$(BIN)/lint-imports

unit: .venv/ready
	$(BIN)/pytest -n 2 tests

site: .venv/ready  ## build the site into out/site; the tests build it too
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

notebooks: .venv/ready
	$(BIN)/pytest --nbmake notebooks

lock:        ## pin the dependencies anew, with hashes and without the name of any host
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --output-file requirements.lock

clean:       ## remove what the other targets made
	rm -rf .venv out .mypy_cache .ruff_cache .pytest_cache .hypothesis
