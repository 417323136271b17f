# `make search` and `make test` do all the set-up that they need on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= runs/readme

.PHONY: search test slow wheel-test matrix docs golden lint install install-test install-docs

search: install
	$(BIN)/supernas search --method e2nas --data digits --preset demo --resume --out $(OUT)/search
	$(BIN)/supernas train $(OUT)/search --compare-random 5 --resume --out $(OUT)/train

test: install-test
	$(BIN)/python -m pytest -q -n auto --dist worksteal

slow: install-test
	$(BIN)/python -m pytest -q -m slow

wheel-test:  # wheel and sdist in fresh environments, used from another folder
	$(PYTHON) .ci/wheel_test.py

matrix:  # the tests over the Pythons and torch versions at hand; MATRIX="--torch 2.9 --tests tests/core" and the like
	$(PYTHON) .ci/matrix.py $(MATRIX)

docs: install-docs  # leaves build/site; a broken link or reference fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

golden: install-test  # records the golden trajectories anew, on this machine
	$(BIN)/python -m tests.golden.trajectories

lint: install-test
	$(BIN)/ruff check src tests benchmarks examples docs/hooks docs/gallery .ci
	$(BIN)/ruff format --check src tests benchmarks examples docs/hooks docs/gallery .ci
	$(BIN)/mypy

install: $(VENV)/.installed
install-test: $(VENV)/.installed-test
install-docs: $(VENV)/.installed-docs

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install -q -c constraints.txt --group dev
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[docs]'
	touch $@
