# make derain: from a fresh clone to a translated folder and a table. make test: lint, types, tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
RUN := runs/derain

.PHONY: derain test clean

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	# torch first and by its exact version: a looser range may bring gigabytes of GPU libraries
	$(INSTALL) $$(grep '^torch==' constraints.txt)
	$(INSTALL) --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) --editable '.[dev,onnx]'
	touch $@

derain: $(VENV)/installed
	$(BIN)/img2img train --task derain --output $(RUN)
	$(BIN)/img2img evaluate --weights derained=$(RUN) --output $(RUN)/result --require-gain 2
	@echo
	@echo "run:            $(RUN)"
	@echo "rainy photos:   $(RUN)/result/source"
	@echo "results:        $(RUN)/result/derained"
	@echo "clean photos:   $(RUN)/result/target"
	@echo "before/after:   $(RUN)/result/comparison.png"
	@echo "your pictures:  $(BIN)/img2img infer --weights $(RUN) --input FOLDER --output ANOTHER"

test: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
