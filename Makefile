# `make search` and `make test` do all the set-up that they need on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= runs/readme

.PHONY: search test slow golden lint install install-test

search: install
	$(BIN)/supernas search --method e2nas --data digits --preset demo --resume --out $(OUT)/search
	$(BIN)/supernas train $(OUT)/search --compare-random 5 --resume --out $(OUT)/train

test: install-test
	$(BIN)/python -m pytest -q -n auto --dist worksteal

slow: install-test
	$(BIN)/python -m pytest -q -m slow

golden: install-test  # records the golden trajectories anew, on this machine
	$(BIN)/python -m tests.golden.trajectories

lint: install-test
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/mypy

install: $(VENV)/.installed
install-test: $(VENV)/.installed-test

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install -q -c constraints.txt --group dev
	touch $@
