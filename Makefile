# Two commands a newcomer needs: make quickstart, make test. Each makes .venv first; a second call installs nothing.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install -c constraints.txt
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

# The strict editable install, which editors and type checkers can follow, links each file of the package: it is made
# again when their list changes.
SHIPPED := $(wildcard *.py *.typed */*.py */*.yaml */*.md */*/*.py */*/*.css */*/*.html)
LIST := $(shell echo $(sort $(filter-out tests/% benchmarks/% build/%,$(SHIPPED))) | cksum | cut -d ' ' -f 1)
INSTALLED := .venv/.installed-$(LIST)

.PHONY: help quickstart test test-slow lint format clean

help:  ## show the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

quickstart: $(INSTALLED)  ## train both stages from scratch on drawn pictures, compare, save, ask
	$(BIN)/mmcot quickstart

test: $(INSTALLED)  ## unit tests: no network, no GPU, under two minutes
	$(PYTEST)

test-slow: $(INSTALLED)  ## the rest of the tests
	$(PYTEST) -m slow

lint: $(INSTALLED)  ## what pre-commit checks, and the types of the package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

format: $(INSTALLED)  ## mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the environment and everything built
	rm -rf .venv build dist *.egg-info

$(INSTALLED): pyproject.toml setup.cfg constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "mmcot needs Python 3.10 or newer; give one with make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) torch
	$(PIP) --config-settings editable_mode=strict -e '.[dev]'
	@rm -f .venv/.installed*
	@touch $@
