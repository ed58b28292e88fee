# edge-router: what a person types. Needs Python 3.11+ and make; all else is put into .venv.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin

.PHONY: install run test bench check crossbar clean distclean deb oci images release test-images

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	@echo "==> setting up $(VENV) (once; a minute or two)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: install
	$(BIN)/edge-router demo $(ARGS)

# three processes share the tests, file by file: on two cores one of them may wait for something, as many tests do. None
# is right for a debugger: make test PARALLEL= ARGS="--pdb tests/..."
PARALLEL ?= -n 3 --dist loadfile

test: install
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

bench: install
	$(BIN)/python -m tests.bench $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/mypy

# The real Crossbar, to compare what it takes with what is taken here (tests/config/test_both_checkers.py): 380 MB.
crossbar: build/crossbar/installed

build/crossbar/installed: tests/config/crossbar/requirements.txt
	@echo "==> installing Crossbar in build/crossbar (a minute or two)"
	$(PYTHON) -m venv --clear build/crossbar
	build/crossbar/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

clean:
	rm -rf build/dist build/release dist *.egg-info .mypy_cache .ruff_cache .pytest_cache

# and what took minutes to make or to download
distclean: clean
	rm -rf $(VENV) build

# What people install, in build/dist (docs/release.md). They need a Debian machine; root file systems need root.
# ARGS=--list says what would be built and what of it is there; `make images ARCH=arm64` builds all for one architecture.
ARCH ?= all

deb oci images: install
	$(BIN)/python -m images $@ --arch $(ARCH) $(ARGS)

release: install
	$(BIN)/python -m images release $(ARGS)

test-images: install
	EDGE_ROUTER_IMAGES=1 $(BIN)/python -m pytest -p no:cacheprovider -p no:xdist tests/images $(ARGS)
