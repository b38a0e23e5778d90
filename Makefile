# The commands of a checkout. Each does all of its own set-up, without root, into .venv; nothing else is touched.
#
#   make up        start a cell of five replicas in ./cell, in the background, on port 7420 and above (or GAIOS_PORT)
#   make down      stop it
#   make test      run every check; reads and never writes what is tracked
#   make fix       format, mend what the linter can mend, write generated files anew
#   make lock      resolve the dependencies anew, and write the lists that pip installs from
#   make ray       try campaigns on a real Ray cluster; fetches 250 MB, and removes them
#   make page      try the page of `gaios sim show` in a real browser
#   make coverage  which lines and branches the tests reach
#   make clean     stop the cell and remove it, .venv and caches

PYTHON ?=
CELL ?= cell
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help up down test fix lock ray page coverage clean

help:
	@sed -n 's/^#   //p' Makefile

up: .venv/run.stamp
	@$(BIN)/gaios up --dir $(CELL) $(if $(GAIOS_PORT),--port $(GAIOS_PORT)) --detach
	@echo "The command is $(BIN)/gaios; PATH=\$$PWD/$(BIN):\$$PATH makes it \`gaios\`. The cell lives in ./$(CELL); \`make down\` stops it."

down: .venv/run.stamp
	@$(BIN)/gaios down --dir $(CELL)

test: .venv/dev.stamp
	@$(BIN)/python tools/gate.py

fix: .venv/dev.stamp
	@$(BIN)/python tools/fix.py

lock: .venv/dev.stamp
	@$(BIN)/python tools/lock.py

ray: .venv/dev.stamp
	@$(BIN)/python tools/try_ray.py

page: .venv/dev.stamp
	@$(BIN)/python tools/try_page.py

coverage: .venv/dev.stamp
	@$(BIN)/coverage run -m pytest
	@$(BIN)/coverage report

clean:
	@if [ -x $(BIN)/gaios ] && [ -d $(CELL) ]; then $(BIN)/gaios down --dir $(CELL); fi
	rm -rf .venv $(CELL) dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# What a cell needs, and what the checks need besides. pip takes only files whose hash is in the list.
.venv/run.stamp: requirements.txt pyproject.toml
	@PYTHON="$(PYTHON)" sh tools/setup.sh requirements.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt .venv/run.stamp
	@PYTHON="$(PYTHON)" sh tools/setup.sh requirements-dev.txt
	@touch $@
