# Two doors: `make demo` to look, `make test` to check. Everything else is a nox session (see noxfile.py).
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# The first Python 3.11 or newer; say `make PYTHON=/path/to/python3 ...` to choose another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
DEMO ?=

.PHONY: help demo test docs clean

help:
	@echo 'make demo    install into $(VENV) and run the demo server (DEMO="--adapter flask --port 4001" passes options)'
	@echo 'make test    lint, types, imports and tests'
	@echo 'make docs    build the documentation into docs/_build/html'
	@echo 'make clean   take away what the others made'

demo: $(VENV)/.installed
	@exec $(BIN)/authority demo $(DEMO)

test: $(VENV)/.installed-dev
	@PATH="$$(cd $(BIN) && pwd):$$PATH" nox --no-venv -s lint types imports tests

docs: $(VENV)/.installed-dev
	@$(BIN)/nox -s docs

clean:
	rm -rf $(VENV) .nox build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*

# The stamps say what is installed; a changed pyproject.toml or a lost stamp installs again, which repeats harmlessly.
$(VENV)/.ready:
	@if [ -z "$(PYTHON)" ]; then echo 'No Python 3.11 or newer was found; say: make PYTHON=/path/to/python3 ...' >&2; exit 1; fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo '$(PYTHON) is older than Python 3.11; say: make PYTHON=/path/to/python3 ...' >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || $(PYTHON) -m virtualenv --quiet --clear $(VENV) || \
		{ echo '$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.installed: $(VENV)/.ready pyproject.toml
	@echo 'Installing into $(VENV) ...'
	@$(PIP) install --quiet -e '.[all]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo 'Installing the development tools into $(VENV) ...'
	@$(PIP) install --quiet --group dev
	@touch $@
