# Darkcall. `make` alone lists what there is; `make detect` and `make test` set up what they need.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= configs/demo.yaml
ARGS ?=
DARKCALL = $(BIN)/darkcall
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate
STAGE_ARGS = --config $(CONFIG) $(ARGS)
export DARKCALL_REFERENCE_DATA ?= $(wildcard $(abspath ../shared/data))

.DEFAULT_GOAL := help
.PHONY: help install system detect test test-all check fmt fetch ais match calls voyages review report replay desk browser bench drill lock check-deps sbom clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## set up .venv from requirements.lock (the other targets do this themselves)

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(MAKE) --no-print-directory system
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Darkcall needs Python 3.11 or newer; $$($(PYTHON) --version) was found. Name another with: make PYTHON=python3.12"; exit 2; }
	@echo "Installing Darkcall's packages into $(VENV) (about 8 GB with PyTorch; once)"
	@$(PYTHON) -m venv $(VENV) || { echo "No venv module: on Debian, apt-get install python3-venv"; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

# opencv-python's wheel is linked against these two Debian libraries, which a minimal system lacks.
system:
	@if ldconfig -p 2>/dev/null | grep -q 'libGL\.so\.1' && ldconfig -p | grep -q 'libgthread-2\.0\.so\.0'; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq libgl1 libglib2.0-0 >/dev/null; \
	else echo "opencv needs two system libraries. Run: sudo apt-get install libgl1 libglib2.0-0"; exit 2; fi

detect: $(VENV)/.installed ## the main job: all stages up to a filled review queue (CONFIG=configs/demo.yaml)
	@$(DARKCALL) run $(STAGE_ARGS)

fetch ais match calls voyages review: $(VENV)/.installed
	@$(DARKCALL) $@ $(STAGE_ARGS)
fetch: ## stage 1: scenes and the coverage calendar
ais: ## stage 3: fixes, tracks, gaps, reception
match: ## stage 4: detections against tracks
calls: ## stage 5: port calls, seen and dark
voyages: ## stage 6: voyages and the oil ledger
review: ## stage 7: the queue of cases

report: $(VENV)/.installed ## the static HTML report of what the stages have found
	@$(DARKCALL) report $(STAGE_ARGS)

replay: $(VENV)/.installed ## the season of 2024 simulated at full scale, and its report (10 to 30 minutes on two cores)
	@$(DARKCALL) run --config configs/replay-2024.yaml $(ARGS)

desk: $(VENV)/.installed ## the review desk on http://127.0.0.1:8080 (add an account first: darkcall users add)
	@$(DARKCALL) desk $(STAGE_ARGS)

# The desk's tests drive a real browser; without one they are skipped and say so.
browser:
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null || echo "No Chromium: the desk is not tested in a browser"; \
	else echo "No Chromium: the desk is not tested in a browser (apt-get install chromium)"; fi

test: $(VENV)/.installed browser ## the test suite (under 10 minutes on 2 cores)
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow" $(ARGS)

test-all: $(VENV)/.installed browser ## every test, the slow ones too
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal $(ARGS)

check: $(VENV)/.installed ## format, lint, types, import contracts, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(MAKE) --no-print-directory test

fmt: $(VENV)/.installed ## format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.installed ## benchmarks, each prints one table
	@for bench in scripts/bench/*.py; do echo "== $$bench"; $(BIN)/python $$bench $(ARGS) || exit 1; done

drill: $(VENV)/.installed ## thirty nights with faults, held against thirty quiet ones (ARGS="--seed 3 --json")
	@$(BIN)/python -m scripts.drill $(ARGS)

lock: $(VENV)/.installed ## compile requirements.lock and the image's part of it, with hashes, from pyproject.toml
	@$(LOCK) --extra dev pyproject.toml -o requirements.lock
	@$(LOCK) --extra postgres --extra ray --extra objects --constraint requirements.lock pyproject.toml -o requirements-image.lock

check-deps: $(VENV)/.installed ## licences and known holes of what the lock pins (75: the advisories cannot be reached)
	@$(BIN)/python scripts/supply/check_deps.py $(ARGS)

sbom: $(VENV)/.installed ## the bill of materials, packages and models: build/sbom.cdx.json
	@$(BIN)/python scripts/supply/write_sbom.py $(ARGS)

clean: ## remove what was built and computed (the workspaces too)
	rm -rf $(VENV) workspace build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
