# Every target does its own set-up in a local virtual environment; nothing else on the machine is touched.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test test-slow test-gpu check format bench clean

help:
	@echo "make demo       run the main job on bundled photographs and show where the report is"
	@echo "make test       run the tests (no network, no GPU)"
	@echo "make check      ruff and the type checker"
	@echo "make test-slow  the tests that take longer; make test-gpu: those that need a GPU"
	@echo "make bench      the benchmarks; results go to benchmarks/results"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "canvasagent needs Python 3.11 or newer; name one: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,craft,serve]'
	@touch $@

demo: $(READY)
	$(BIN)/python examples/demo.py

test: $(READY)
	$(BIN)/python -m pytest -n auto

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

test-gpu: $(READY)
	$(BIN)/python -m pytest -m gpu

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python benchmarks/geometry.py
	$(BIN)/python benchmarks/loop.py
	$(BIN)/python benchmarks/memory.py

clean:
	rm -rf $(VENV) build dist demo-runs
