# Everything a newcomer needs: make demo, make test. Both make .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# How long make hammer goes on: at least so many seconds, and until there were so many reads.
DURATION ?= 60
READS ?= 200000

.PHONY: install demo test conformance lint format bench hammer model django-suite clean

install: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test,docs]"
	touch $(STAMP)

demo: install
	$(BIN)/python manage.py demo

test: install
	$(BIN)/python -m pytest -n 2 tests

# Recordings of real servers, in the process and over a socket; they lie in ../shared/conformance or APPWRITE_CONFORMANCE.
conformance: install
	APPWRITE_CONFORMANCE_HTTP=1 $(BIN)/python -m pytest -n 2 tests/local/test_conformance.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy appwrite_orm_django
	$(BIN)/lint-imports --no-cache

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	$(BIN)/python -m benchmarks

hammer: install
	$(BIN)/python -m benchmarks.hammer --seconds $(DURATION) --reads $(READS)

model: install
	$(BIN)/python -m pytest -n 2 -m slow tests/cache/test_model.py

# Django's own tests on our backend: APPS="basic lookup", or the first set (tests/django_suite/README.md).
django-suite: install
	$(BIN)/python -m tests.django_suite --causes $(APPS)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache docs/_build
