# Hazardwatch. `make help` lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCREEN := dashboard_api/static/index.html
SCREEN_SOURCES := $(shell find dashboard_api/web -type f -not -path '*/node_modules/*' 2>/dev/null)
PACKAGES := hazardwatch simulators dashboard_api alerting ingest registry line
UV_VERSION := 0.13.9
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install screen run test proof mutants accidents check bench lock chromium clean

help: ## what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed $(SCREEN) ## the environment alone: afterwards .venv/bin/hazardwatch works

screen: $(SCREEN) ## build the control-room screen

run: install ## the platform with the demo site and the Buncefield tank; Ctrl-C ends all of it
	@$(BIN)/hazardwatch demo

test: install chromium ## the whole test suite, browser tests included; JOBS=1 one test after the other
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

proof: install ## the long proofs: kills by the hundred, long random histories
	@HAZARDWATCH_LONG=1 $(BIN)/python -m pytest -o timeout=3600 tests/proof tests/unit/alerting tests/system/test_accidents.py

mutants: install ## faults planted by hand in the engine, and the test that catches each
	@$(BIN)/python -m tests.mutants

accidents: install ## real accidents and the day before each: what rings first, how long before, what rings wrongly
	@$(BIN)/python -m tests.accidents.score

check: install ## style, types, import contracts, the screen's own checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES) tests benchmarks
	$(BIN)/lint-imports
	$(BIN)/python hatch_build.py check

bench: install ## the figures of docs/performance.md, each beside its limit
	@for figure in benchmarks/[a-z]*.py; do echo "== $$figure"; $(BIN)/python "$$figure" || exit 1; done

lock: $(VENV)/uv ## choose the newest packages that fit and write requirements.lock
	$(BIN)/uv pip compile -q --upgrade --group dev pyproject.toml --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header -o requirements.lock
	sed -i '1i # Every package with its hashes; made anew with `make lock`.' requirements.lock

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing Debian's Chromium for the browser tests"; \
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-wqy-zenhei; } \
			>.chromium-install.log 2>&1 || echo "it could not be installed (.chromium-install.log); browser tests are left out"; \
	else \
		echo "no Chromium on this machine: browser tests are left out. Install it (Debian: apt-get install chromium), then make test"; \
	fi

clean: ## remove what was built and installed here; data folders stay
	rm -rf $(VENV) dashboard_api/static dashboard_api/web/node_modules dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Hazardwatch needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Name another: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV)/installed: $(VENV)/uv requirements.lock pyproject.toml
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --require-hashes -r requirements.lock
	@HAZARDWATCH_SKIP_SCREEN=1 VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --no-deps -e .
	@touch $@

$(SCREEN): $(SCREEN_SOURCES) hatch_build.py | $(VENV)/installed
	@$(BIN)/python hatch_build.py
	@touch $@
