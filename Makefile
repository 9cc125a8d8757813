# Everything a newcomer needs: make demo, make test-quick, make test. All make .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# What is installed: for the demo only, and for everything else.
DEMO_STAMP := $(VENV)/.demo
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.docs
PIP := $(BIN)/python -m pip install --disable-pip-version-check
# How long make hammer goes on: at least so many seconds, and until there were so many reads.
DURATION ?= 60
READS ?= 200000
# How many make random-queries asks of each kind of server.
EXAMPLES ?= 20000
# The long targets draw new examples, and tests in a new order, each time. With the seed that they print they do again what they did.
SEED := $(or $(SEED),$(shell date +%s))
DRAWN := --hypothesis-profile=drawn --hypothesis-seed=$(SEED) --randomly-seed=$(SEED)
repeat = @echo "To repeat this run: make $@ SEED=$(SEED) $(1)"

# Bytecode is kept even where the environment says otherwise (containers often do). The tests start some hundreds of processes, and each
# would compile the packages again: half of the time that manage.py takes to start.
export PYTHONDONTWRITEBYTECODE =
bytecode = @$(BIN)/python -m compileall -q appwrite_orm_django appwrite_local

.PHONY: install
install: $(STAMP)

$(BIN)/python:
	@echo "Making $(VENV)."
	@$(PYTHON) -m venv $(VENV)

$(DEMO_STAMP): pyproject.toml | $(BIN)/python
	@echo "Installing Django, Appwrite's SDK and the demo's data: some 20 packages."
	@$(PIP) --editable ".[demo]"
	@touch $@

$(STAMP): pyproject.toml | $(BIN)/python
	@echo "Installing what the tests need: some 100 packages, a few minutes without a package cache."
	@$(PIP) --quiet --editable ".[test]"
	@touch $(DEMO_STAMP) $@

$(DOCS_STAMP): pyproject.toml | $(BIN)/python
	@$(PIP) --quiet --editable ".[docs]"
	@touch $@

# The engine under the demo's local Appwrite: make demo ENGINE=mongodb. Another port: make demo ADDRPORT=127.0.0.1:8001.
ENGINE ?= mariadb
ADDRPORT ?= 127.0.0.1:8000
# Before anything is installed. A port of 0 is any free one.
BIND := import socket, sys; host, _, port = sys.argv[1].rpartition(":"); \
	host = host.strip("[]") or "127.0.0.1"; socket.create_server((host, int(port)), \
	family=socket.AF_INET6 if ":" in host else socket.AF_INET)
.PHONY: port
port:
	@$(PYTHON) -c '$(BIND)' '$(ADDRPORT)' 2>/dev/null || { echo "The demo cannot listen on $(ADDRPORT). Choose another address: make demo ADDRPORT=127.0.0.1:8001"; exit 1; }

.PHONY: demo
demo: port $(DEMO_STAMP)
	APPWRITE_ENGINE=$(ENGINE) $(BIN)/python manage.py demo --addrport $(ADDRPORT)

# A first look, about a minute on two cores: checks, requests and errors, plans of migrations, keys of models.
QUICK := tests/checks tests/client tests/schema/test_plan.py tests/orm/test_primary_keys.py
.PHONY: test-quick
test-quick: install
	PYTHONHASHSEED=0 $(BIN)/python -m pytest -q -n 2 $(QUICK)

# One more than there are cores: tests of browsers, servers and processes mostly wait for these.
JOBS ?= 3
.PHONY: test
test: install
	@echo "The whole suite takes about 12 minutes on two cores; make test-quick takes one."
	$(bytecode)
	PYTHONHASHSEED=0 $(BIN)/python -m pytest -n $(JOBS) tests

# The tests that meet an engine, on those that make test leaves out: make test-engines KINDS=mongodb-1.9 ROOMS=tests/orm, or KINDS=mariadb-2.x.
# Tests that ask servers of every kind by themselves, as random queries, are in make test.
KINDS ?= postgresql-1.9 postgresql-2.x mongodb-1.9
ROOMS ?= tests/backend tests/orm tests/schema tests/changes tests/contrib tests/users tests/testing tests/doctor tests/checks tests/files
.PHONY: test-engines
test-engines: install
	set -e; for kind in $(KINDS); do \
	  echo "== $$kind"; \
	  APPWRITE_TEST_ENGINE=$${kind%-*} APPWRITE_TEST_FEATURE_LEVEL=$${kind#*-} PYTHONHASHSEED=0 \
	    $(BIN)/python -m pytest -q -n 2 --ignore=tests/backend/test_random_queries.py --ignore=tests/backend/test_random_histories.py \
	      --ignore=tests/backend/test_random_keys.py $(ROOMS); \
	done

# Recordings of real servers, in the process and over a socket; they lie in ../shared/conformance or APPWRITE_CONFORMANCE.
.PHONY: conformance
conformance: install
	APPWRITE_CONFORMANCE_HTTP=1 $(BIN)/python -m pytest -n 2 tests/appwrite_local/test_conformance.py

.PHONY: lint
lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy appwrite_orm_django appwrite_local
	$(BIN)/lint-imports --no-cache

.PHONY: format
format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What pages hold that is made from the code.
.PHONY: docs-pages
docs-pages: install
	for page in assumptions django_internals engines reference_pages; do $(BIN)/python -m docs.$$page || exit; done

# The documentation site, in docs/_build/html; a warning is an error.
.PHONY: docs
docs: install $(DOCS_STAMP)
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -b html docs docs/_build/html

# Everything of docs/explanation/speed.md, in under 20 minutes; --quick for a look: make bench BENCH=--quick.
BENCH ?=
.PHONY: bench
bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	$(BIN)/python -m benchmarks $(BENCH)

# Hit rates on a table that is written all the time, beside other packages; about ten minutes.
.PHONY: hot-tables
hot-tables: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	$(BIN)/python -m benchmarks.hot_tables

# CACHE: a name that `python -m benchmarks.hammer --help` lists, or your own: the URL of a Redis or a settings module with CACHES.
CACHE ?= redis
.PHONY: hammer
hammer: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	$(BIN)/python -m benchmarks.hammer --cache $(CACHE) --seconds $(DURATION) --reads $(READS)

# The same on every cache, with the troubles that its servers have; what is not installed is said and left out. Three quarters of an hour.
.PHONY: hammer-all
hammer-all: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	$(BIN)/python -m benchmarks.hammer --cache all --seconds 40
	$(BIN)/python -m benchmarks.hammer --cache all --seconds 40 --by-value
	$(BIN)/python -m benchmarks.hammer --cache sentinel,partition,partition-replica,cluster,django-valkey-cluster,dump --seconds 120 --chaos faults --store driver

# A few seconds on each cache that Debian has the servers of, for continuous integration: two minutes. With Sentinel,
# a primary is not used in the first 5 seconds after it was first seen.
.PHONY: hammer-short
hammer-short: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	$(BIN)/python -m benchmarks.hammer --cache django,dump,cluster,memcached,postgresql --store driver --seconds 2
	$(BIN)/python -m benchmarks.hammer --cache sentinel --store driver --seconds 15

# From any set of models to any other, killed at every request: half an hour.
.PHONY: schema-long
schema-long: install
	$(call repeat)
	SCHEMA_EXAMPLES=600 SCHEMA_KILLED_EXAMPLES=300 $(BIN)/python -m pytest -n 2 $(DRAWN) tests/schema/test_model_properties.py

# Many writers at once: increments by threads, transfers by processes whose connections are cut.
.PHONY: concurrency
concurrency: install
	$(BIN)/python -m benchmarks.concurrency

.PHONY: model
model: install
	$(BIN)/python -m pytest -n 2 -m slow tests/cache/test_model.py tests/cache/test_values_model.py

# A file of 200 MB, up and down in little memory.
.PHONY: big-files
big-files: install
	$(BIN)/python -m pytest -m slow tests/files/test_memory.py

# Django's own tests on our backend: APPS="basic lookup", or the first set (tests/django_suite/README.md).
.PHONY: django-suite
django-suite: install
	$(BIN)/python -m tests.django_suite --causes $(APPS)

# The tests of other projects on SQLite and on our backend: PACKAGES="django-filter django-otp", or all (tests/third_party/README.md);
# then check and migrate, in a project with all packages.
PACKAGES ?=
.PHONY: third-party
third-party: install
	$(BIN)/python -m tests.third_party --causes $(PACKAGES)
	$(if $(PACKAGES),,$(BIN)/python -m tests.third_party --together)

# Random querysets on servers of each kind (tests/kinds.py), compared with SQLite: EXAMPLES for each, half of them about values of every type.
.PHONY: random-queries
random-queries: install
	$(call repeat,EXAMPLES=$(EXAMPLES))
	RANDOM_QUERIES=$$(( ($(EXAMPLES) + 1) / 2 )) $(BIN)/python -m pytest -n 2 $(DRAWN) tests/backend/test_random_queries.py

# Random histories (writes, blocks, reads through the cache) on servers of each kind, compared with SQLite: HISTORIES for each, and as many
# over keys that are not row ids; with REDIS=redis://... the cache is there.
HISTORIES ?= 2000
.PHONY: random-histories
random-histories: install
	$(call repeat,HISTORIES=$(HISTORIES))
	RANDOM_HISTORIES=$(HISTORIES) $(BIN)/python -m pytest -n 2 $(DRAWN) tests/backend/test_random_histories.py tests/backend/test_random_keys.py

# Requests that mean harm, to the local server.
FUZZ ?= 5000
.PHONY: fuzz
fuzz: install
	$(call repeat,FUZZ=$(FUZZ))
	APPWRITE_FUZZ_EXAMPLES=$(FUZZ) $(BIN)/python -m pytest -n 2 $(DRAWN) tests/appwrite_local/test_wire_safety.py

# What draws, one after the other: some hours, to be left alone overnight.
.PHONY: nightly
nightly:
	$(MAKE) --keep-going random-queries random-histories schema-long fuzz SEED=$(SEED)

# Random histories of migrations (what makemigrations makes of random changes of models, over rows) at both feature levels, compared with SQLite:
# through migrate, through appwrite_migrate, and a fifth as many killed at every request. Half an hour.
CHANGES ?= 1000
.PHONY: migration-histories
migration-histories: install
	MIGRATION_HISTORIES=$(CHANGES) $(BIN)/python -m pytest -n 2 tests/schema/test_migration_histories.py

# The pictures of the README, after visitors have read for MINUTES; needs Chromium and redis-server.
MINUTES ?= 10
.PHONY: screenshots
screenshots: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[screenshots]"
	$(BIN)/python -m docs.screenshots --minutes $(MINUTES)

# The suite on the Appwrite that APPWRITE_TEST_ENDPOINT, APPWRITE_TEST_PROJECT and APPWRITE_TEST_KEY name (CONTRIBUTING.md).
REAL ?= tests/backend tests/orm tests/changes tests/users tests/checks tests/contrib tests/testing tests/schema tests/doctor tests/e2e/test_demo.py::test_the_check_passes_with_all_rows
WORKERS ?= 2
.PHONY: real
real: install
	@test -n "$$APPWRITE_TEST_ENDPOINT" -a -n "$$APPWRITE_TEST_PROJECT" -a -n "$$APPWRITE_TEST_KEY" || { echo "Set APPWRITE_TEST_ENDPOINT, APPWRITE_TEST_PROJECT and APPWRITE_TEST_KEY."; exit 2; }
	PYTHONHASHSEED=0 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -r fE $(REAL)

# Before a release: sdist and wheel, their metadata and contents, the wheel in a fresh environment, the documentation.
.PHONY: release-check
release-check: install
	@$(PIP) --quiet --editable ".[release]"
	.ci/release-check "$(abspath $(BIN)/python)"

.PHONY: clean
clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache docs/_build
