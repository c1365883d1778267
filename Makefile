# make demo and make test need Python 3.11+ and make; everything else is made here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.lock

.PHONY: demo test lint bench clean env

env: $(VENV)/ready

$(VENV)/ready: $(LOCK) pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mrimage needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: env
	rm -rf demo/out
	$(BIN)/mrimage demo demo/photos
	$(BIN)/mrimage run demo/photos demo/out --key color_space --extract content,hash \
		--resize 512x512 --fit cover --to srgb --format webp --group contact-sheet --group mean
	@echo "Open demo/out/report.html"

test: env
	$(BIN)/python -m pytest -n 2

lint: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: env
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
