# Two commands need nothing but Python 3.11, pip, gcc and git: `make run` and `make test`.
# Everything lives in .venv/, at the versions of constraints.txt; a second call installs nothing.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
LANE := .ci/lane
# Compiled machines are kept here, not among the user's own.
export RECLAIM_CACHE_DIR ?= $(CURDIR)/.cache/reclaim

# Which tests a lane runs. Interpreted and bounds-checked lanes ask again what compiled code answered;
# what only looks at files, configuration or the command line gives the same answer in all of them.
KERNEL_TESTS := tests/unit tests/property tests/oracle tests/analytic tests/contract
BOUNDS_TESTS := tests/property tests/oracle tests/analytic
PYTEST := $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

.PHONY: help run test lint typecheck test-jit test-interpret test-bounds docs bench capture-tool browser lock clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

run: $(STAMP)  ## compare the reverse maps and the policies on the shipped trace of a real program
	@$(BIN)/reclaim run configs/first-run.yaml --set epochs=60 --store .cache/first-run --report .cache/first-run.html

test: $(STAMP) capture-tool browser lint typecheck test-jit test-interpret test-bounds docs  ## every lane
	@echo; echo "all lanes passed"; cat .cache/lanes

lint: $(STAMP)  ## ruff: rules and layout
	@$(LANE) lint "ruff: rules and layout" "$(BIN)/ruff check -q . && $(BIN)/ruff format -q --check ."

typecheck: $(STAMP)  ## mypy --strict on the package
	@$(LANE) typecheck "mypy --strict on the package" "$(BIN)/mypy"

test-jit: $(STAMP)  ## all tests, kernels compiled
	@$(LANE) jit "all tests, kernels compiled" "$(PYTEST)"

test-interpret: $(STAMP)  ## tests of the machine, kernels as plain Python, with coverage
	@rm -f .coverage .coverage.*
	@$(LANE) interpret "tests of the machine, kernels as plain Python, with coverage" \
	  "RECLAIM_INTERPRET=1 $(BIN)/coverage run -m pytest -q -n $(JOBS) --dist worksteal \
	     -m 'not slow' $(wildcard $(KERNEL_TESTS)) \
	   && $(BIN)/coverage combine -q && $(BIN)/coverage report"

test-bounds: $(STAMP)  ## tests of the machine, compiled with bounds checks
	@$(LANE) bounds "tests of the machine, compiled with bounds checks" \
	  "RECLAIM_BOUNDSCHECK=1 $(PYTEST) -m 'not slow' $(wildcard $(BOUNDS_TESTS))"

docs: $(STAMP)  ## the documentation, into site/; a broken link fails
	@$(LANE) docs "the documentation, strictly" "NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q --strict"

bench: $(STAMP)  ## speed beside the bare loop, the hand-inlined ceiling and libcachesim
	@$(BIN)/python -m benchmarks.speed $(ARGS)

# The stamp is younger than what it was made from, or everything is installed again.
# --without-pip: some distributions ship a venv module that cannot put pip into what it makes.
$(STAMP): pyproject.toml setup.py constraints.txt
	@echo "setting up $(VENV) (once; a minute or two)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@$(PYTHON) -m venv --clear --without-pip $(VENV)
	@$(PYTHON) -m pip --python $(BIN)/python install -q -c constraints.txt setuptools
	@$(PYTHON) -m pip --python $(BIN)/python install -q -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

# Recording real programs is tested with valgrind, the one thing that pip cannot bring. Without it those
# tests are skipped, unless RECLAIM_NEED_CAPTURE is set (as .ci/run does): then its absence fails.
capture-tool:
	@command -v valgrind >/dev/null || \
	  .ci/install-package valgrind RECLAIM_NEED_CAPTURE "tests that record a program"

# The same for tests that open a report: Playwright drives the system's Chromium.
browser:
	@command -v chromium >/dev/null || \
	  .ci/install-package chromium RECLAIM_NEED_BROWSER "tests that open a report in a browser"

lock: $(STAMP)  ## choose the newest versions again and write constraints.txt
	@$(PYTHON) .ci/lock.py > constraints.new && mv constraints.new constraints.txt

clean:  ## forget the environment and everything generated
	rm -rf $(VENV) .cache site .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache
