# Every target works on a fresh clone: it fetches what it needs with the ordinary package clients, without root.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export UV_PYTHON_DOWNLOADS := never

CLUSTER ?= embedded
UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .eco2/uv/bin/uv)
RUN := $(UV) run --no-sync
PYTEST := $(RUN) pytest
PACKAGES := $(notdir $(wildcard */src/eco2_* domains/*/src/eco2_* tests/*/src/eco2_*))
SOURCES := authz charts docker domains operator tests

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

.eco2/uv/bin/uv:
	@echo "uv is not on the PATH: installing $(UV_VERSION) into .eco2/uv"
	@python3 -m venv .eco2/uv && .eco2/uv/bin/pip install --quiet "uv==$(UV_VERSION)"

.venv/.synced: uv.lock pyproject.toml $(wildcard */pyproject.toml domains/*/pyproject.toml tests/*/pyproject.toml) | $(filter .eco2/%,$(UV))
	@$(UV) sync --locked --all-packages
	@touch $@

.PHONY: setup
setup: .venv/.synced ## install the locked dependencies into .venv

.PHONY: up
up: setup ## start a local cluster, the operator and the examples (CLUSTER=embedded|kind|existing)
	@$(RUN) python -m eco2_testcluster up --cluster $(CLUSTER)

.PHONY: down
down: setup ## stop what make up started, and only that
	@$(RUN) python -m eco2_testcluster down --cluster $(CLUSTER)

.PHONY: check
check: setup ## lint, types, layers, generated files
	$(RUN) ruff check $(SOURCES)
	$(RUN) ruff format --check $(SOURCES)
	$(RUN) mypy $(addprefix -p ,$(PACKAGES))
	$(RUN) lint-imports --no-cache

.PHONY: fmt
fmt: setup ## format the code
	$(RUN) ruff check --fix $(SOURCES)
	$(RUN) ruff format $(SOURCES)

.PHONY: binaries
binaries: setup ## build or fetch etcd, the control plane and kwok into the cache
	@$(RUN) python -m eco2_testcluster binaries

.PHONY: images
images: setup ## build the images of the operator, ext-authz and the stand-in for domains (needs a Docker engine)
	@$(RUN) python -m eco2_testcluster images

.PHONY: test
test: setup ## every check and test; builds of the cluster's parts run while the fast tests do
	@tests/run

.PHONY: test-unit
test-unit: setup ## unit, golden and property tests; no cluster
	$(PYTEST) tests/unit tests/golden tests/property -m "not cluster" -n 2

.PHONY: test-operator
test-operator: setup ## the operator on a real API server
	$(PYTEST) tests/unit/eco2_testcluster tests/integration tests/faults -m "cluster and not slow" -n 3 --dist loadfile

.PHONY: test-gateway
test-gateway: setup ## policies on the real istiod and real proxies (Linux; the first build takes 6 minutes)
	$(PYTEST) tests/mesh -m "cluster and not slow" -n 2 --dist loadfile

# As its image has it. Without a C compiler the sources are tested, which do the same.
COMPILED := .eco2/compiled
$(COMPILED)/.state: authz/compile.py uv.lock $(shell find authz/src -name '*.py') | setup
	@rm -rf $(COMPILED)
	@$(RUN) python authz/compile.py $(COMPILED) || { rm -rf $(COMPILED); mkdir -p $(COMPILED); echo "testing the sources of eco2-authz, not what its image has"; }
	@touch $@

.PHONY: test-authz
test-authz: setup $(COMPILED)/.state ## ext-authz, compiled: conformance, attacks, floods, real Redis and real Envoy
	PYTHONPATH=$(CURDIR)/$(COMPILED) $(PYTEST) tests/authz -m "not slow" -n 2 --dist loadfile

# Coverage is of each service by itself: none makes up for another.
SERVICES := $(notdir $(wildcard domains/*/src/eco2_*))
.PHONY: test-domains
test-domains: export COVERAGE_FILE := .eco2/coverage-domains
test-domains: setup ## domain services on real PostgreSQL and Redis, their schemas by schemathesis, at least 95 % covered
	$(PYTEST) domains tests/domains -m "not slow" -n 2 --dist loadfile $(addprefix --cov=,$(SERVICES)) --cov-report=
	@for service in $(SERVICES); do \
	  printf '%s: ' "$$service"; $(RUN) coverage report --include "*/$$service/*" --precision 1 --fail-under 95 --format total || exit 1; \
	done

.PHONY: e2e
e2e: setup ## the whole product on a kind cluster of its own: real pods, real refusals (needs a Docker engine)
	$(PYTEST) tests/e2e -m e2e

.PHONY: test-full
test-full: test ## make test and what takes longer
	$(PYTEST) tests -m slow
	@$(MAKE) --no-print-directory fuzz
	@$(MAKE) --no-print-directory e2e

FUZZ_CASES ?= 1000000
.PHONY: fuzz
fuzz: setup $(COMPILED)/.state ## ext-authz's readers of foreign octets against other implementations, a million cases each
	@# What reads frames is compared through a test double, and compiled classes take none.
	@PYTHONPATH=tests $(RUN) python -m fuzz --cases $(FUZZ_CASES) --only frames
	@PYTHONPATH=$(CURDIR)/$(COMPILED):tests $(RUN) python -m fuzz --cases $(FUZZ_CASES) \
	  $(foreach target,huffman hpack cuts requests responses,--only $(target))

.PHONY: golden
golden: setup ## rewrite the golden files; read the diff before you commit
	GOLDEN_UPDATE=1 $(PYTEST) tests/golden -q

.PHONY: crds
crds: setup ## regenerate crds/ from the models, and the charts' definitions, roles, schemas and READMEs
	@$(RUN) python -m eco2_operator.crds crds
	@$(RUN) python charts/generate.py

.PHONY: bench
bench: setup ## 300 domains beside kro, in one run
	@$(RUN) python tests/bench/compare.py

.PHONY: bench-authz
bench-authz: setup ## ext-authz beside Go servers and OPA, directly and through Envoy, in one run
	@$(RUN) python tests/bench/authz/compare.py

.PHONY: bench-domains
bench-domains: setup ## domain services beside bare FastAPI handlers that do the same, in one run
	@$(RUN) python tests/bench/domains/compare.py

.PHONY: bench-location
bench-location: setup ## the nearest of 100,000 places, beside a search of the whole table, in one run
	@$(RUN) python tests/bench/domains/location.py

.PHONY: bench-retrieval
bench-retrieval: setup ## finding the rule that answers a question, beside plain keyword match
	@$(RUN) python tests/bench/retrieval/compare.py

.PHONY: docs
docs: setup ## regenerate the reference pages, and what the charts say of the settings
	@$(RUN) python docs/generate.py
	@$(RUN) python charts/generate.py
