# Two commands do everything: `make demo` and `make test`. Each installs what it needs into the checkout (.venv and
# node_modules); uv, npm and jsii cache downloads under ~/.cache and ~/.npm, or in .home if HOME can't be written.
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Prints the Python that the environment is made from, never the one of an environment.
BASE_PYTHON := import sys; print(sys._base_executable) if (3, 11) <= sys.version_info[:2] <= (3, 13) else sys.exit(1)
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for p in python3.12 python3.13 python3.11 python3; do $$p -c '$(BASE_PYTHON)' 2>/dev/null && break; done)
endif
# Relative: make splits targets and prerequisites at spaces, and the path of the checkout may hold some.
VENV := .venv
BIN := $(VENV)/bin
# Node comes from the wheel in .venv; a supported one matters to the CDK.
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1
export npm_config_update_notifier := false
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/.home
endif
# The oldest versions that the construct library takes, first on the path of `test-lowest` alone.
LOWEST := $(VENV)/lowest
# Servers that only nightly tests and benchmarks run.
BENCHMARKS := $(VENV)/benchmarks
FUZZ := $(VENV)/fuzz
# Packages with model files that nightly tests serve; their code never runs.
MODELS := $(VENV)/models
# MkDocs and its theme.
DOCS := $(VENV)/docs
MERMAID := mermaid-11.12.2
MERMAID_SHA256 := d0830a6c05546e9edb8fe20a8f545f3e0dc7c4c3134d584bad9c13a99d7a71e0
# Of each target of `make fuzz`.
MINUTES ?= 10
# checkov pins some hundred packages: they stay apart from this project's.
CHECKOV := $(VENV)/checkov
# Tools that report on this project's packages: apart from them too.
SUPPLY_CHAIN := $(VENV)/supply-chain
ENVIRONMENTS := local dev staging prod
LOCK := uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	--no-emit-find-links --python-version 3.11
COMPILE := $(LOCK) pyproject.toml

.PHONY: help install python platform demo test lint typecheck test-fast test-slow test-nightly fuzz test-lowest tests checks security dist sbom docs docs-publish pictures security-docs snapshots release-snapshots synth lock clean

help:  ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed node_modules/.installed  ## Install all that development needs into this checkout

# An environment is stale if the checkout was moved, or its Python removed or replaced.
ifeq ($(shell test ! -e $(VENV)/.installed || { grep -qF " $$(pwd -P)/$(VENV)" $(VENV)/pyvenv.cfg && \
	$(BIN)/python -c 'import uv'; } >/dev/null 2>&1 || echo stale),stale)
STALE := python
endif

python:
	@"$(PYTHON)" -c '$(BASE_PYTHON)' >/dev/null 2>&1 || { name="$(or $(PYTHON),python3)"; \
		echo "error: Python 3.11, 3.12 or 3.13 is needed; $$name is $$("$$name" --version 2>/dev/null || echo missing)" >&2; \
		echo "Install one (Ubuntu 22.04: sudo apt-get install python3.11-venv) or set PYTHON=/path/to/python" >&2; exit 2; }

$(VENV)/.installed: requirements-dev.txt pyproject.toml $(STALE) | python
	@echo "installing Python packages into .venv"
	@mkdir -p "$$HOME"
	@"$(PYTHON)" tools/install.py development $(VENV)
	@touch $@

node_modules/.installed: package.json package-lock.json $(VENV)/.installed
	@echo "installing the CDK CLI into node_modules"
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

platform: python
	@"$(if $(STALE)$(if $(wildcard $(VENV)/.installed),,new),$(PYTHON),$(BIN)/python)" tools/install.py demo-check

demo: platform install  ## Deploy, publish and call multi-model endpoints here, with real Triton and Multi Model Server
	@python -m tools.demo

# Slow tests wait for servers: the fast ones and the checks run meanwhile.
test: install  ## Run what CI runs: every check and every test but the nightly ones
	@$(MAKE) -j 2 tests checks

tests: install
	@pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not nightly"

checks: lint typecheck docs security

lint: $(VENV)/.installed  ## Check style and layers
	@ruff check .
	@ruff format --check --quiet . || { echo "error: run 'ruff format .'" >&2; exit 1; }
	@report=$$(lint-imports --no-logo) || { echo "$$report"; exit 1; }; echo "$$report" | tail -n 2

typecheck: $(VENV)/.installed  ## Check types (mypy strict)
	@mypy

test-fast: install  ## Run the fast tests, in parallel
	@pytest -q -n 2 --dist loadfile -m "not slow and not nightly"

test-slow: install  ## Run the slow tests: the real CDK CLI, real Triton
	@pytest -q -n 2 --dist loadfile -m "slow and not nightly"

test-nightly: test-lowest $(BENCHMARKS)/.installed $(MODELS)/.installed $(DOCS)/.installed  ## Run what is too slow for every change
	@pytest -q -n 2 --dist loadfile -m nightly

$(BENCHMARKS)/.installed $(MODELS)/.installed $(FUZZ)/.installed: $(VENV)/%/.installed: requirements-%.txt $(VENV)/.installed
	@rm -rf $(@D)
	@uv pip install --quiet --python $(BIN)/python --target $(@D) --require-hashes --no-deps -r $<
	@touch $@

fuzz: $(FUZZ)/.installed  ## Fuzz the parsers of outside input, guided by coverage, MINUTES=10 each
	@status=0; for target in $(notdir $(wildcard tests/fuzz/corpus/*)); do echo "fuzzing $$target"; \
		PYTHONPATH=$(FUZZ) python -m tests.fuzz.run $$target -max_total_time=$$(( $(MINUTES) * 60 )) -verbosity=0 || \
		status=$$?; done; exit $$status

$(LOWEST)/.installed: requirements-lowest.txt $(VENV)/.installed
	@rm -rf $(LOWEST)
	@python tools/install.py lowest $(LOWEST)
	@touch $@

test-lowest: $(LOWEST)/.installed  ## Run the tests of the constructs on the oldest aws-cdk-lib supported
	@version=$$(PYTHONPATH="$(CURDIR)/$(LOWEST)" python -c 'from importlib.metadata import version; print(version("aws-cdk-lib"))'); \
		echo "aws-cdk-lib $$version"; grep -q "^aws-cdk-lib==$$version " requirements-lowest.txt
	@PYTHONPATH="$(CURDIR)/$(LOWEST)" pytest -q -n 2 --dist worksteal -m "not slow" tests/mme_cdk \
		tests/stacks/test_application.py tests/stacks/test_templates.py tests/docs

$(CHECKOV)/.installed: requirements-checkov.txt $(VENV)/.installed
	@echo "installing checkov into $(CHECKOV)"
	@python tools/install.py checkov $(CHECKOV)
	@touch $@

$(SUPPLY_CHAIN)/.installed: requirements-supply-chain.txt $(VENV)/.installed
	@rm -rf $(SUPPLY_CHAIN)
	@uv venv --quiet --python $(BIN)/python $(SUPPLY_CHAIN)
	@uv pip install --quiet --python $(SUPPLY_CHAIN)/bin/python --require-hashes --no-deps -r requirements-supply-chain.txt
	@touch $@

# ADVISORIES=--required fails if the package index offers none.
security: install $(CHECKOV)/.installed $(SUPPLY_CHAIN)/.installed  ## Check templates (checkov), licences and advisories
	@python -m tools.supply_chain licences
	@python -m tools.supply_chain advisories $(ADVISORIES)
	@python -m tools.security_checkov $(CHECKOV)/bin/checkov

# Reproducible: the files carry the date of the commit.
dist: install  ## Build wheel and sdist into dist/; TAG=v0.1.0 must be this version
	@version=$$(python -c 'from importlib.metadata import version; print(version("sagemaker-mme"))'); \
		test "$(or $(TAG),v$$version)" = "v$$version" || { \
		echo "error: the tag is $(TAG), pyproject.toml says $$version" >&2; exit 2; }
	@rm -f dist/sagemaker_mme-*
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist

sbom: install $(SUPPLY_CHAIN)/.installed  ## Write dist/sbom.cdx.json: the packages that users install
	@python -m tools.supply_chain sbom

# The theme would load Mermaid from elsewhere: the site has its own copy.
$(DOCS)/.installed: requirements-docs.txt $(VENV)/.installed
	@echo "installing MkDocs into $(DOCS)"
	@rm -rf $(DOCS)
	@uv pip install --quiet --python $(BIN)/python --target $(DOCS) --require-hashes --no-deps -r requirements-docs.txt
	@cd $(DOCS) && npm pack --silent $(subst mermaid-,mermaid@,$(MERMAID)) >/dev/null && \
		tar -xzf $(MERMAID).tgz --strip-components=2 package/dist/mermaid.min.js && rm $(MERMAID).tgz && \
		echo "$(MERMAID_SHA256)  mermaid.min.js" | sha256sum --check --quiet
	@touch $@

docs: $(DOCS)/.installed  ## Build the documentation site into site/, with warnings as errors
	@PYTHONPATH="$(CURDIR)/$(DOCS):$(CURDIR)" NO_MKDOCS_2_WARNING=1 python -m mkdocs build

# PUSH= leaves the commit in the local branch gh-pages.
docs-publish: PUSH := --push
docs-publish: $(DOCS)/.installed  ## Build the site as VERSION, called ALIAS, and push it to gh-pages
	@PYTHONPATH="$(CURDIR)/$(DOCS):$(CURDIR)" NO_MKDOCS_2_WARNING=1 PATH="$(CURDIR)/$(DOCS)/bin:$$PATH" python $(DOCS)/bin/mike deploy $(PUSH) --update-aliases $(VERSION) $(ALIAS)

pictures: install  ## Draw the pictures of docs/images again; needs Chromium
	@python -m tools.screenshots
	@python -m tools.page_pictures

security-docs: install  ## Update the tables of docs/security.md and docs/compliance.md
	@python -m tools.security_report

snapshots: install  ## Update the committed snapshots after a wanted change
	@pytest -q -n 2 -m "not slow" tests/stacks --snapshot-update

release-snapshots:  ## Store the snapshots as the release that upgrade tests start from
	@cp tests/snapshots/*.json tests/stacks/previous_release/

synth: install  ## Synthesize every environment
	@for environment in $(ENVIRONMENTS); do echo "synthesizing $$environment"; \
		cdk synth --quiet -c env=$$environment --output cdk.out/$$environment; done

lock: $(VENV)/.installed  ## Compile the hashed locks from pyproject.toml
	@$(COMPILE) --extra all --group dev --override requirements-dev.overrides --output-file requirements-dev.txt
	@python tools/install.py part requirements-dev.txt --without numpy >build.constraints
	@$(COMPILE) --extra cdk --extra cli --constraints build.constraints --output-file requirements.txt
	@$(COMPILE) --extra cdk --resolution lowest-direct --output-file requirements-lowest.txt
	@$(LOCK) --group benchmarks --output-file requirements-benchmarks.txt
	@$(LOCK) requirements-checkov.in --output-file requirements-checkov.txt
	@$(LOCK) requirements-supply-chain.in --output-file requirements-supply-chain.txt
	@$(LOCK) requirements-fuzz.in --output-file requirements-fuzz.txt
	@$(LOCK) --no-deps requirements-models.in --output-file requirements-models.txt
	@$(LOCK) requirements-docs.in --constraints requirements-dev.txt --output-file requirements-docs.txt
	@rm build.constraints

clean:  ## Delete what make installed and what tools left
	@rm -rf $(VENV) node_modules cdk.out cdk.out.* dist site build .home .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
