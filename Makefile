# make help says what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS ?= constraints.txt
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS)
RUN := runs/derain

.DEFAULT_GOAL := help
.PHONY: derain test docs dist help clean

$(VENV)/installed: pyproject.toml $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	# torch first and by its exact version: a looser range may bring gigabytes of GPU libraries
	$(INSTALL) $$(grep '^torch==' $(CONSTRAINTS))
	$(INSTALL) --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) --editable '.[dev,onnx]'
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	# apart from the constraints, which are of what runs and tests
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

derain: $(VENV)/installed ## train three minutes from a fresh clone, translate photos, print a table
	$(BIN)/img2img train --task derain --output $(RUN)
	$(BIN)/img2img evaluate --weights derained=$(RUN) --output $(RUN)/result --require-gain 2
	@echo
	@echo "run:            $(RUN)"
	@echo "rainy photos:   $(RUN)/result/source"
	@echo "results:        $(RUN)/result/derained"
	@echo "clean photos:   $(RUN)/result/target"
	@echo "before/after:   $(RUN)/result/comparison.png"
	@echo "your pictures:  $(BIN)/img2img infer --weights $(RUN) --input FOLDER --output ANOTHER"

test: $(VENV)/installed-dev ## lint, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

docs: $(VENV)/installed-docs ## the documents as a site, build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "build/site/index.html"

dist: $(VENV)/installed-dev ## wheel and sdist, checked
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*

help: ## this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

clean: ## remove what these make, but for runs
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
