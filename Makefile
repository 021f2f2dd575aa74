# Everything needs Python 3.11 to 3.13 and make; `make help` lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo test check contracts e2e faults bench peers accept schemas lock clean

help: ## List the recipes
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## A simulated shop week, real mails, and the score against what was planted
	$(BIN)/firstword demo

test: $(READY) ## Every test (about twenty minutes on two cores)
	$(BIN)/pytest -n $(JOBS) --dist worksteal

check: $(READY) ## Format, lint, types, import contracts, schemas, policy, words: no tests
	$(BIN)/ruff format --check streams tests
	$(BIN)/ruff check streams tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m streams.codec.schemas check
	$(BIN)/firstword policy test
	$(BIN)/firstword templates lint

contracts: $(READY) ## The suites that every implementation of a port must pass
	$(BIN)/pytest tests/contracts tests/cases

e2e: $(READY) ## The three doors as a person uses them
	$(BIN)/pytest tests/e2e tests/faults

faults: $(READY) ## The long form of the fault tests: thirty kills each, brokers away for 40 seconds; prints figures
	FIRSTWORD_TEST_FAULTS=long $(BIN)/pytest -s tests/faults tests/e2e/test_one_truth.py

bench: $(READY) ## Speeds, each beside its floor from the same run; nothing fails by a time
	$(BIN)/python -m tests.benchmarks

peers: $(READY) ## The service beside Quix Streams, Bytewax, Kafka Streams and stock Faust, on one topic
	$(BIN)/python -m tests.benchmarks.peers

accept: $(READY) ## Take the mails as they render now for the ones we want (look at the diff)
	FIRSTWORD_ACCEPT=1 $(BIN)/pytest tests/golden

schemas: $(READY) ## Write schemas/ from the code
	$(BIN)/python -m streams.codec.schemas write

lock: ## Pin every dependency anew (needs uv)
	uv pip compile --universal --python-version 3.11 --group dev --no-emit-index-url --no-header \
	  --quiet pyproject.toml --output-file .requirements.txt

clean: ## Remove what was installed or written by the recipes above
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist demo

$(READY): pyproject.toml .requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v[:2] <= (3, 13) and "firstword needs Python 3.11, 3.12 or 3.13 (this is %d.%d); name one with: make PYTHON=python3.12 ..." % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement .requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)
