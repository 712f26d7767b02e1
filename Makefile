# Two commands matter: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
STAMP := $(VENV)/.installed
CLIENTS := $(VENV)/.clients
DOCS := $(VENV)/.docs
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo test test-slow browser fuzz mutate lint bench validate validation unseen docs site clean

demo: $(RUNS)
	$(BIN)/scaletax run scenarios/claim.toml --out results/claim

test: lint
	HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest -n 2 -m "not slow"

# -rs says what is skipped, and for want of what.
test-slow: browser $(DOCS)
	$(BIN)/python -m pytest -n 2 -rs -m "slow or hypothesis"

# The system's browser opens the pages in tests. Where there is none it is installed, if it can be.
browser: $(CLIENTS)
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome || \
	  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium; }; } \
	  > $(VENV)/.browser.log 2>&1 || echo "No browser could be installed ($(VENV)/.browser.log says why): its tests are skipped."

fuzz: $(STAMP)
	FUZZ_EXAMPLES=10000 $(BIN)/python -m pytest -n 0 tests/fuzz

mutate: $(STAMP)
	$(BIN)/python tests/mutation/mutate.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python benchmarks/step.py
	$(BIN)/python benchmarks/network.py
	$(BIN)/python benchmarks/full_resolution.py
	$(BIN)/python benchmarks/planner.py
	$(BIN)/python benchmarks/sweep.py
	$(BIN)/python benchmarks/run.py

validate: $(STAMP)
	$(BIN)/scaletax validate --jobs 2

validation: $(STAMP)
	$(BIN)/python docs/validate.py

unseen: $(STAMP)
	$(BIN)/python docs/unseen.py

docs: $(STAMP)
	$(BIN)/python docs/refresh.py
	$(BIN)/python docs/entries.py
	$(BIN)/python docs/claim.py
	$(BIN)/python docs/run.py
	$(BIN)/python docs/gallery.py

# The documentation as a site, in results/site; a warning is an error.
site: $(DOCS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

# What the program needs to run, and beside it what the tests and the documentation need.
$(RUNS): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("scaletax needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) .
	touch $(RUNS)

$(STAMP): $(RUNS)
	$(INSTALL) ".[dev]"
	touch $(STAMP)

# Programs of others that open what scaletax writes.
$(CLIENTS): $(STAMP)
	$(INSTALL) ".[clients]"
	touch $(CLIENTS)

$(DOCS): $(STAMP)
	$(INSTALL) ".[docs]"
	touch $(DOCS)

clean:
	rm -rf $(VENV) results .mypy_cache .ruff_cache .pytest_cache .hypothesis
