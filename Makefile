# make demo and make test need Python 3.11+ and make; everything else is made here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Some machines forbid Python to keep compiled modules: then each of the many processes that the
# tests start compiles all of mrimage again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test soak lint docs pictures services bench clean env env-dev env-docs

env: $(VENV)/ready
env-dev: $(VENV)/ready-dev
env-docs: $(VENV)/ready-docs

$(VENV)/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("mrimage needs Python 3.11 or newer: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --requirement requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements-dev.lock
	$(PIP) --requirement requirements-dev.lock
	touch $@

$(VENV)/ready-docs: $(VENV)/ready-dev requirements-docs.lock
	$(PIP) --requirement requirements-docs.lock
	touch $@

demo: env
	$(BIN)/mrimage demo demo/photos
	$(BIN)/mrimage run demo/photos demo/out --fresh --key color_space --extract content,hash \
		--resize 512x512 --fit cover --to srgb --format webp --group contact-sheet --group mean
	@echo
	@echo "Open demo/out/report.html in a browser; the processed images are in demo/out/images."

test: env-docs
	sh tests/system-packages.sh
	$(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder

# Smaller ones: make soak SCHEDULES=100 FILES=0
SCHEDULES := 10000
FILES := 100000
SEED := 1

soak: env-dev
	$(BIN)/python -m tests.soak --schedules $(SCHEDULES) --files $(FILES) --seed $(SEED)

lint: env-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The pictures of the site are in docs/pictures; make pictures makes them again, from real runs.
docs: env-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	$(BIN)/python docs/site/links.py site
	@echo "Open site/index.html in a browser."

pictures: env-docs
	$(BIN)/python docs/site/pictures.py

services: env-dev
	$(BIN)/python -m tests.services

bench: env-dev
	$(BIN)/python -m benchmarks.run

clean:
	rm -rf $(VENV) demo .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist site
