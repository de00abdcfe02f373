# Paths are relative throughout, so the folder may have any name.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A script and no editable install, which would want a network for its build; it runs the checkout that .venv lies in.
COMMAND = cp deploy/diyml $(BIN)/diyml
LOCK := $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.10 --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help install install-dev install-bench install-mlflow run test faults lint format bench demo lock clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

# The stamp holds a sum of the pins that were installed. It goes before an install begins and comes back at its end, so an
# environment without one was left half made, and is made anew. --no-deps: the pins are complete, and they replace
# the opencv-python that ultralytics asks for by opencv-python-headless, which needs no display libraries.
install: ## Set up .venv from the pinned requirements (once), with the command .venv/bin/diyml
	@sum="$$(cksum < requirements.txt)"; \
	if [ "$$(cat $(VENV)/installed 2>/dev/null)" = "$$sum" ] && $(BIN)/python -c ''; then $(COMMAND); exit 0; fi; \
	set -e; \
	if ! [ -f $(VENV)/installed ] || ! $(BIN)/python -c ''; then \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
			echo "DIYML needs Python 3.10 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo not there)." \
				"Name another one: make install PYTHON=python3.12" >&2; exit 1; }; \
		$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
			echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
		echo "Making $(VENV)"; $(PYTHON) -m venv --clear $(VENV); \
	fi; \
	rm -f $(VENV)/installed; \
	echo "Installing requirements.txt (some minutes and up to 6 GB the first time)"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt; \
	$(COMMAND); echo "$$sum" > $(VENV)/installed

# A real MLflow for the tests, apart from everything else: what it needs excludes some of our pins.
install-mlflow: install
	@sum="$$(cksum < requirements-mlflow.txt)"; \
	if [ "$$(cat $(VENV)/mlflow/installed 2>/dev/null)" = "$$sum" ] && $(VENV)/mlflow/bin/python -c ''; then exit 0; fi; \
	set -e; \
	echo "Installing requirements-mlflow.txt into $(VENV)/mlflow"; \
	$(BIN)/python -m venv --clear $(VENV)/mlflow; \
	$(VENV)/mlflow/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-mlflow.txt; \
	echo "$$sum" > $(VENV)/mlflow/installed

install-dev: install install-mlflow ## The same, with the tools for test and lint
	@sum="$$(cat requirements.txt requirements-dev.txt | cksum)"; \
	if [ "$$(cat $(VENV)/installed-dev 2>/dev/null)" = "$$sum" ]; then exit 0; fi; \
	set -e; \
	echo "Installing requirements-dev.txt"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall -r requirements-dev.txt; \
	echo "$$sum" > $(VENV)/installed-dev

run: install ## Start DIYML; ARGS="--port 7002" for options
	@exec $(BIN)/python DIYML.py $(ARGS)

# Three at a time: most tests wait for processes of their own.
test: install-dev ## Run the tests; ARGS="tests/launch -k port" for some of them
	$(BIN)/python -m pytest -n 3 --dist loadfile $(ARGS)

faults: install-dev ## Run the long fault runs (40 minutes); ARGS="--seed 7 -k mongod" for some of them
	$(BIN)/python -m pytest -m long tests/faults $(ARGS)

lint: install-dev ## Check style and types
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy .

format: install-dev ## Put the style right
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

# The other server that ours is measured against, whose pins agree with ours, and a package for the data that it carries.
install-bench: install
	@sum="$$(cat requirements.txt requirements-bench.txt requirements-data.txt | cksum)"; \
	if [ "$$(cat $(VENV)/installed-bench 2>/dev/null)" = "$$sum" ]; then exit 0; fi; \
	set -e; \
	echo "Installing requirements-bench.txt and requirements-data.txt"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-bench.txt -r requirements-data.txt; \
	echo "$$sum" > $(VENV)/installed-bench

# A script, or a folder that can be run; ARGS go to each of them, so name one with BENCH.
bench: install-bench ## Run every benchmark beside its baseline (over an hour); BENCH=serving ARGS=--quick for one of them
	@set -e; for path in $(if $(BENCH),benchmarks/$(BENCH),benchmarks/*.py benchmarks/*/__main__.py); do \
		name="$${path%.py}"; name="$$(echo "$${name%/__main__}" | tr / .)"; echo "== $$name"; $(BIN)/python -m "$$name" $(ARGS); \
	done

demo: install ## Tell the whole story over HTTP; DATA=folder for your own images
	$(BIN)/python -m demo $(if $(DATA),"$(DATA)") $(ARGS)

lock: install-dev ## Pin the newest versions that fit together
	@printf 'opencv-python ; python_version < "3"\n' > $(VENV)/overrides.txt
	$(LOCK) --upgrade --override $(VENV)/overrides.txt requirements.in --output-file requirements.txt
	$(LOCK) --upgrade requirements-dev.in --output-file requirements-dev.txt
	$(LOCK) --upgrade requirements-bench.in --output-file requirements-bench.txt
	$(LOCK) --upgrade requirements-mlflow.in --output-file requirements-mlflow.txt

clean: ## Remove what was made, except your data
	rm -rf $(VENV) build dist *.egg-info demo-out .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
