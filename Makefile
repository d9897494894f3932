# Albumen: `make help` lists what there is. pip's own environment variables and configuration are
# honoured; set PYTHON to use another interpreter, VENV to put the environment elsewhere.

PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo

BIN := $(VENV)/bin
# The pip of Debian 12 would build one dependency in a way that it says is going away.
INSTALL := $(BIN)/python -m pip install --quiet --use-pep517 -c constraints.txt
RUNTIME := $(VENV)/.installed-runtime
FULL := $(VENV)/.installed-full

export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test check bench chaos clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(FULL) ## set up .venv with everything the other targets need
	@echo "Ready: $(BIN)/albumen --help"

demo: $(RUNTIME) ## restore the sample collection examples/scans into demo/
	@echo "Restoring examples/scans into $(DEMO)/ (two of its files are broken on purpose)."
	@status=0; $(BIN)/albumen restore examples/scans "$(DEMO)" || status=$$?; \
	case $$status in \
	0) ;; \
	3) echo "Exit code 3: the run is complete, and some scans failed. Expected here: two files" \
	    "of the sample collection are broken on purpose; the report gives the reasons." ;; \
	*) echo "make demo: albumen ended with exit code $$status" >&2; exit $$status ;; \
	esac

# Two at a time, a file of tests in one piece: many wait for processes that start.
test: $(FULL) ## the tests, without the fault scenarios (ARGS='...' is passed to pytest)
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

check: $(FULL) ## lint, formatting, strict types, law of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_import_law.py

chaos: $(FULL) ## the fault scenarios: processes killed in the middle of their work
	$(BIN)/pytest -m chaos $(ARGS)

bench: $(FULL) ## the benchmark, printed as a table
	$(BIN)/python bench/run.py $(ARGS)

clean: ## remove .venv, demo/ and everything else that was made here
	rm -rf "$(VENV)" "$(DEMO)" bench-results build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pip comes last when an environment is made: where it is missing, making it was interrupted.
$(BIN)/pip:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "Albumen needs Python 3.11 or later, and there is no '$(PYTHON)'. On Debian and Ubuntu:" \
	    "sudo apt-get install python3 python3-venv" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Albumen needs Python 3.11 or later; '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1)." \
	    "Name another one, for instance: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  version=$$("$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  echo "'$(PYTHON)' cannot make virtual environments: its venv package is missing." \
	    "On Debian and Ubuntu: sudo apt-get install python$$version-venv" >&2; exit 1; }
	@echo "Making a virtual environment in $(VENV)."
	@"$(PYTHON)" -m venv "$(VENV)"

$(RUNTIME): pyproject.toml constraints.txt $(BIN)/pip
	@echo "Installing what Albumen needs (6 GB, most of it PyTorch for CUDA, and a few minutes, the first time)."
	@$(INSTALL) -e .
	@touch $@

$(FULL): pyproject.toml constraints.txt $(BIN)/pip
	@echo "Installing what Albumen and its tests need (7 GB, most of it PyTorch for CUDA, and a few minutes, the first time)."
	@$(INSTALL) -e '.[test,check]'
	@touch $(RUNTIME) $@
