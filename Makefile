# Two commands are enough: `make run` and `make test`. Python 3.11 or later, make, and where a wheel is missing a C compiler.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test test-faults fuzz lint format types imports check lock bench bench-quick bench-api bench-analytics bench-encryption screenshots clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

install: $(STAMP)  ## Make .venv with everything that is needed for development

$(STAMP): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit("Signalbox needs Python 3.11 or later, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

run: $(STAMP)  ## Start everything: http://127.0.0.1:8000/admin/ (PORT=8100 make run for another port)
	@exec $(BIN)/python -m config.supervisor

test: $(STAMP)  ## Run the whole suite, in parallel, on its own PostgreSQL and Redis
	$(BIN)/python -m pytest -n auto $(ARGS)

test-faults: $(STAMP)  ## Kill, freeze and restart workers, Redis and PostgreSQL under load, and count what was lost
	$(BIN)/python -m pytest -n0 -m faults $(ARGS) tests/faults

lint: $(STAMP)  ## Ruff's rules and format
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

format: $(STAMP)  ## Let ruff correct what it can
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

types: $(STAMP)  ## mypy
	$(BIN)/python -m mypy .

imports: $(STAMP)  ## import-linter: who may import whom
	$(BIN)/lint-imports

check: lint types imports test  ## What a change must pass

lock: $(STAMP)  ## Pin the versions anew from requirements*.txt (upgrades within the ranges)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv $(LOCK) -o requirements.lock requirements.txt
	$(BIN)/uv $(LOCK) -c requirements.lock -o requirements-dev.lock requirements-dev.txt

LOCK := pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --custom-compile-command 'make lock'

bench: $(STAMP)  ## Measure everything (about ten minutes); some of it: make bench ONLY=throughput,hanging
	$(BIN)/python -m tests.benchmarks $(if $(ONLY),--only $(ONLY),--write docs/benchmarks.md)

bench-quick: $(STAMP)  ## The same with small data and short runs (about three minutes)
	$(BIN)/python -m tests.benchmarks --quick $(if $(ONLY),--only $(ONLY))

bench-api: $(STAMP)  ## The API that tenants' backends use, with and without row-level security (QUICK=1: about one minute)
	$(BIN)/python -m tests.benchmarks.bench_api $(if $(QUICK),--quick,--write docs/benchmarks.md)

bench-analytics: $(STAMP)  ## A month's calls, 0.1 to 10 million, side by side (about twenty minutes; QUICK=1: one)
	$(BIN)/python -m tests.benchmarks.bench_analytics $(if $(QUICK),--quick,--write docs/benchmarks.md)

bench-encryption: $(STAMP)  ## Time per encrypted value, per config of five fields, and masking
	$(BIN)/python -m tests.benchmarks.bench_encryption

fuzz: $(STAMP)  ## Many more generated requests against both OpenAPI documents than the suite sends
	SIGNALBOX_FUZZ_EXAMPLES=100 $(BIN)/python -m pytest -n auto -m fuzz tests/api

screenshots: $(STAMP)  ## Take the documentation's pictures anew (needs Chromium)
	SIGNALBOX_SCREENSHOTS=1 $(BIN)/python -m pytest -n0 tests/browser

clean:  ## Remove the environment and caches; data and keys under var/ stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
