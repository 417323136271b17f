# `make search` and `make test` do all the set-up that they need on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= runs/readme

.PHONY: search test slow docs golden lint install install-test install-docs

search: install
	$(BIN)/supernas search --method e2nas --data digits --preset demo --resume --out $(OUT)/search
	$(BIN)/supernas train $(OUT)/search --compare-random 5 --resume --out $(OUT)/train

test: install-test
	$(BIN)/python -m pytest -q -n auto --dist worksteal

slow: install-test
	$(BIN)/python -m pytest -q -m slow

docs: install-docs  # leaves build/site; a broken link or reference fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

golden: install-test  # records the golden trajectories anew, on this machine
	$(BIN)/python -m tests.golden.trajectories

lint: install-test
	$(BIN)/ruff check src tests benchmarks examples docs/hooks docs/gallery
	$(BIN)/ruff format --check src tests benchmarks examples docs/hooks docs/gallery
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
