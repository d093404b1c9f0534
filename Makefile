# The recipes of the project; `make` alone lists them.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
DEV := $(VENV)/.dev-stamp
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.DEFAULT_GOAL := help
.PHONY: help setup quickstart test check bench trial clean

help:  ## list the recipes
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## make .venv with the hmmr command, and fetch the weights of the 2D networks

$(STAMP): pyproject.toml requirements.lock scripts/setup
	@PYTHON="$(PYTHON)" bash scripts/setup $(VENV)
	@touch $@

$(DEV): $(STAMP) requirements-dev.lock
	@PYTHON="$(PYTHON)" bash scripts/setup $(VENV) dev
	@touch $@

quickstart: setup  ## the main job on films made here: harvest, train, evaluate, out/quickstart/report.html
	@$(BIN)/hmmr quickstart

test: $(DEV)  ## every test
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(DEV)  ## ruff, mypy, hadolint
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/hadolint docker/*.Dockerfile

bench: $(DEV)  ## speed, as ratios measured in one run; writes docs/performance.md (CLIPS=folder AGAINST=checkout)
	@$(BIN)/python bench/performance.py $(if $(CLIPS),--clips $(CLIPS)) $(if $(AGAINST),--against $(AGAINST))

trial: $(DEV)  ## long trials: kills, damaged and hostile files, addresses (resumable, out/reliability), random histories
	@$(BIN)/python scripts/reliability --out out/reliability
	@HMMR_TRIALS=20 $(BIN)/python -m pytest tests/storage/test_machine.py
	@HMMR_FUZZ=500 $(BIN)/python -m pytest tests/evaluation/readers/test_fuzz.py

clean:  ## remove what the recipes made, but not lakes elsewhere
	rm -rf $(VENV) out build *.egg-info
