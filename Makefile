# edge-router: what a person types. Needs Python 3.11+ and make; all else is put into .venv.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin

.PHONY: install run test bench check clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	@echo "==> setting up $(VENV) (once; a minute or two)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: install
	$(BIN)/edge-router demo $(ARGS)

test: install
	$(BIN)/python -m pytest $(ARGS)

bench: install
	$(BIN)/python -m tests.bench $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
