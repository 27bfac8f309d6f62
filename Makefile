# Everything a newcomer needs: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
JOBS   ?= auto

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: demo
demo: $(VENV)/.installed ## the whole loop on this machine, with no account, token or network service
	@$(BIN)/selfheald demo $(DEMO)

.PHONY: test
test: set-up ## style, types, imports, tests, coverage; CI runs `make slow` too
	$(MAKE) check
	$(MAKE) unit

.PHONY: check
check: $(VENV)/.developer ## style, types and imports
	$(BIN)/ruff format --check daemon tests
	$(BIN)/ruff check daemon tests
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: unit
unit: $(VENV)/.developer ## all tests but the slow ones, with coverage
	rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow" --cov --cov-report= $(ARGS)
	$(BIN)/coverage report --include '*/selfheald/domain/*' --fail-under 100
	$(BIN)/coverage report --fail-under 90

.PHONY: slow
slow: set-up ## attacks in the real sandbox, and real coding agents
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m slow $(ARGS)

.PHONY: bench
bench: $(VENV)/.developer ## the benchmarks, each beside an honest baseline
	$(BIN)/python -m tests.bench

.PHONY: format
format: $(VENV)/.developer ## bring the code into the house style
	$(BIN)/ruff check --fix daemon tests
	$(BIN)/ruff format daemon tests

.PHONY: set-up
set-up: ## what the tests need: Debian packages when root, the coding agents' programs
	@scripts/packages.sh test
	@$(MAKE) --no-print-directory $(VENV)/.developer
	@sh tests/system/tools.sh

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf $(VENV) .tools .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/pip:
	@scripts/packages.sh demo
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: pyproject.toml requirements.txt | $(VENV)/bin/pip
	@echo "Installing selfheald into $(VENV) …"
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.developer: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	@touch $@
