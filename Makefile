# Every target does its own set-up in a local virtual environment; nothing else on the machine is touched.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FULL := $(VENV)/.full
# Training has an environment of its own: its packages are pinned apart from those of the backends.
TRAIN := $(VENV)-train
# The time limit of a test, and when a process is ended whose test does not end by it, in seconds.
PATIENT := --timeout 1800 -o faulthandler_timeout=2400
# Where torch and torchvision for a processor are; where it cannot be reached the usual index has to do.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

TRAIN_TESTS := tests/test_language_models.py $(wildcard tests/test_policy_transformers*.py tests/test_train*.py)

.PHONY: help photo demo test test-train test-full test-slow test-gpu check package format bench clean

help:
	@echo "make demo       run the main job on bundled photographs and show where the report is"
	@echo "make test       run the tests (no network, no GPU)"
	@echo "make test-train install what training needs (1 GB, no GPU) into $(TRAIN) and run its tests on tiny models"
	@echo "make test-full  install the extra full (1 GB) and run the tests of the trained models' backends on tiny weights"
	@echo "make check      ruff and the type checker"
	@echo "make package    build sdist and wheel, install the wheel into a clean environment and use it there"
	@echo "make test-slow  the tests that take longer; make test-gpu: those that need a GPU"
	@echo "make bench      the benchmarks; results go to benchmarks/results"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "canvasagent needs Python 3.11 or newer; name one: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,craft,serve,mcp]'
	@touch $@

# The small networks for photographs: fetched once into the user's data folder; all works without them, with less found.
photo: $(READY)
	@$(BIN)/canvasagent models pull photo >/dev/null || echo "make: going on without the networks for photographs: what needs them is refused or skipped"

demo: $(READY) photo
	$(BIN)/python examples/demo.py

test: $(READY) photo
	$(BIN)/python -m pytest -n auto

$(TRAIN)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(TRAIN)
	-@$(TRAIN)/bin/python -m pip install --quiet --disable-pip-version-check --retries 0 --constraint constraints.txt --index-url $(TORCH_INDEX) torch
	$(TRAIN)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,craft,serve,train]'
	@touch $@

test-train: $(TRAIN)/.ready
	$(TRAIN)/bin/python -m pytest -n auto $(TRAIN_TESTS)

# spandrel brings torchvision along; one that was built for another torch would break the imports of others too.
$(FULL): $(READY)
	-@$(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 0 --constraint constraints.txt --index-url $(TORCH_INDEX) torch torchvision
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,craft,full]'
	@$(BIN)/python -c 'import torchvision' 2>/dev/null || $(BIN)/python -m pip uninstall --quiet --yes torchvision
	@touch $@

test-full: $(FULL)
	$(BIN)/python -m pytest tests/test_full_*.py

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow $(PATIENT)

test-gpu: $(READY)
	$(BIN)/python -m pytest -m gpu $(PATIENT)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

package:
	@PYTHON=$(PYTHON) .ci/package

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python benchmarks/geometry.py
	$(BIN)/python benchmarks/loop.py
	$(BIN)/python benchmarks/memory.py

clean:
	rm -rf $(VENV) $(TRAIN) build dist demo-runs
