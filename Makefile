# make serve   install, index seeds/, answer a question, serve the API and the search box on 127.0.0.1:8000
# make test    install what the tests need and run all of them (browser tests need chromium and npm on the PATH)
# make quick   those that take a moment: no models, browsers, processes of their own, and few made-up inputs; a worker a
#              core, which keep the compiled tests (__pycache__) for the next time
# make lint    ruff and mypy
# make eval    quality on labelled data: make eval TASK=reading FILE=dev.jsonl.gz LIMIT=500
# make bench   speed on this machine: make bench CORPUS=dev.jsonl.gz
# make install just the environment in .venv

VENV ?= .venv
PYTHON ?= python3
DATA ?= spanwise-data
PORT ?= 8000
BIN = $(VENV)/bin
PIP = $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES = $(shell find src index qa api -type f -not -name '*.pyc')
TASK ?= reading
LIMIT ?= 500

.PHONY: install serve test quick lint eval bench clean

install: $(VENV)/installed

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python pyproject.toml constraints.txt $(SOURCES)
	@rm -rf build
	$(PIP) '.[documents]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) '.[documents,test,browser,contract,lint,training]'
	@touch $@

serve: install
	$(BIN)/spanwise --data $(DATA) add seeds
	$(BIN)/spanwise --data $(DATA) ask "when do the Olympics end?"
	$(BIN)/spanwise --data $(DATA) serve --port $(PORT)

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest

quick: $(VENV)/installed-dev
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist worksteal --ignore tests/training \
		--hypothesis-profile quick -m "not (models or browser or contract or trust or slow)"

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

eval: install
	$(BIN)/spanwise eval $(TASK) $(FILE) --limit $(LIMIT)

bench: install
	$(BIN)/python benchmarks/speed.py $(if $(CORPUS),--corpus $(CORPUS))

clean:
	rm -rf $(VENV) build *.egg-info
