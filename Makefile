# All that is needed beforehand is make and Python 3.11 or later; the first command sets up the rest.

PYTHON ?= python3
PORT   ?= 8000
DATA   ?= .local
STAGE  ?= dev
SEEDS   ?= 0..2000
MINUTES ?= 30
STAGED  ?= tests/deployed tests/browser
# As they were given: make itself would read a `$` in them.
override PYTHON := $(value PYTHON)
override PORT := $(value PORT)
override SEEDS := $(value SEEDS)
override MINUTES := $(value MINUTES)
override STAGED := $(value STAGED)
override ARGS := $(value ARGS)
override STAGE := $(value STAGE)
override DATA := $(value DATA)
override USER := $(value USER)
override FILE := $(value FILE)
override OP := $(value OP)
override EVENT := $(value EVENT)
override PARAMETERS := $(value PARAMETERS)
override BUCKET := $(value BUCKET)
override CONFIRM := $(value CONFIRM)
override HOSTS := $(value HOSTS)
export PYTHON SEEDS MINUTES STAGE PORT DATA USER FILE OP EVENT PARAMETERS BUCKET CONFIRM HOSTS

PY := .venv/bin/python
NPM := PATH="$(CURDIR)/.venv/bin:$$PATH" npm --prefix gallery --no-audit --no-fund --loglevel=error
GALLERY := chalicelib/gallery/index.html

# The first line of whatever sets something up. The shell's parent is this make, which a later one
# finds by its number; a make that was killed leaves a number that nobody has.
ALONE = @other=$$(cat .setting-up 2>/dev/null); \
  if [ -n "$$other" ] && [ "$$other" != "$$PPID" ] && kill -0 "$$other" 2>/dev/null; then \
    echo "Another make (process $$other) is setting this folder up. Wait until it is done, then give the same command again." >&2; \
    exit 1; \
  fi; echo "$$PPID" >.setting-up
# What to do if a fetch fails, after what pip or npm said.
NETWORK = { echo 'The packages could not be fetched; see above. Check the network and the proxy, then give the same command again.' >&2; exit 1; }

OPENAPI := $(PY) -c "import json, chalicelib.api.openapi as o; print(json.dumps(o.document()))"

.PHONY: help run gallery token demo import invoke package deploy destroy test test-deployed simulate chaos soak screenshots bench schema lock format check clean

help:
	@echo 'make run                          serve on http://127.0.0.1:PORT, with all data in DATA'
	@echo 'make -s token USER=alice          print a development token for a user'
	@echo 'make import FILE=… USER=alice     save the images of a .jsonl, .csv or .tsv file'
	@echo '                                  ($(PY) -m local import --help tells all of ARGS)'
	@echo 'make demo USER=alice              fill a user of the local server with 2,000 drawn images'
	@echo 'make invoke OP=… EVENT=…          run an operation, such as verify_user (samples: events/)'
	@echo 'make package STAGE=dev            make the CloudFormation template and its zip, in out/dev'
	@echo 'make deploy STAGE=dev             make or update the stack on AWS (docs/operations.md)'
	@echo 'make destroy STAGE=dev            delete it'
	@echo 'make test                         run all tests (ARGS="-k name" for some)'
	@echo 'make test-deployed                deploy to an emulator of AWS on this machine, and test that'
	@echo 'make simulate SEEDS=0..2000       long runs for docs/reliability.md: simulation,'
	@echo 'make chaos / make soak            and chaos on the real engine'
	@echo 'make format                       format all code, and mend what the linters can'
	@echo 'make check                        lint, formatting and types, of the gallery too'
	@echo 'make bench                        what things cost, beside what they are compared with'
	@echo 'make screenshots                  take the pictures in docs/screenshots anew'
	@echo 'make schema                       the gallery'\''s types of the API, after a change of it'
	@echo 'make lock                         pin all packages anew, with hashes, after a change of requirements*.in'
	@echo 'make clean                        remove what set-up and tools made; never data'
	@echo
	@echo 'PORT=8000 DATA=.local choose the port and the data folder of run, token and import.'
	@echo 'HOSTS=my.example,localhost:9000 names addresses besides by which make run may be reached.'

run: .venv/installed $(GALLERY)
	@exec $(PY) -m local run

token: .venv/installed
	@test -n "$$USER" || { echo 'Say for whom: make -s token USER=alice' >&2; exit 2; }
	@exec $(PY) -m local token -- "$$USER"

demo: .venv/installed
	@test -n "$$USER" || { echo 'Say for whom: make demo USER=alice' >&2; exit 2; }
	@exec $(PY) -m local demo -- "$$USER"

import: .venv/installed
	@test -n "$$USER" || { echo 'Say for whom: make import FILE=… USER=alice' >&2; exit 2; }
	@test -n "$$FILE" || { echo 'Say which file: make import FILE=images.jsonl USER=alice' >&2; exit 2; }
	@exec $(PY) -m local import --user="$$USER" $(ARGS) -- "$$FILE"

invoke: .venv/installed
	@test -n "$$OP" || { echo "Say what: make invoke OP=verify_user EVENT='{\"subject\": \"alice\"}'" >&2; exit 2; }
	@exec $(PY) -m local invoke -- "$$OP" "$$EVENT"

# The gallery, built with the Node that comes along in .venv into what Chalice serves and packages.
gallery: $(GALLERY)

gallery/node_modules/installed: gallery/package-lock.json .venv/installed
	$(ALONE)
	@echo 'Set-up, step 2 of 4: fetching what the gallery is built with (half a minute) …' >&2
	@$(NPM) ci >&2 || $(NETWORK)
	@touch $@

$(GALLERY): gallery/node_modules/installed $(shell find gallery/src -type f) gallery/index.html gallery/vite.config.ts
	$(ALONE)
	@echo 'Set-up, step 3 of 4: building the gallery …' >&2
	@$(NPM) run --silent build -- --logLevel warn >&2

package: .venv/installed $(GALLERY)
	@exec $(PY) -m deploy package -- "$$STAGE"

deploy: .venv/installed $(GALLERY)
	@exec $(PY) -m deploy deploy -- "$$STAGE"

destroy: .venv/installed
	@exec $(PY) -m deploy destroy -- "$$STAGE"

test: .venv/installed $(GALLERY)
	@$(NPM) run --silent test
	@exec $(PY) -m pytest -n 2 --dist loadfile $(ARGS)

test-deployed: .venv/installed $(GALLERY) .venv-emulator/installed
	@EMULATOR=.venv-emulator/bin/python exec $(PY) -m pytest -n 2 --dist loadfile $(STAGED) $(ARGS)

# Writes the table of docs/performance.md.
bench: .venv/installed $(GALLERY)
	@exec $(PY) -m benchmarks

# The gallery's pictures in docs/screenshots, of the gallery as it is now.
screenshots: .venv/installed $(GALLERY)
	@exec $(PY) -m tests.browser.screenshots

# The long runs behind docs/reliability.md; the test suite has short ones of the same.
simulate: .venv/installed
	@exec $(PY) -m tests.simulation --seeds="$$SEEDS" $(ARGS)

chaos: .venv/installed
	@exec $(PY) -m tests.chaos --users 50 --operations 200 --feed-reads 100000 $(ARGS)

soak: .venv/installed
	@exec $(PY) -m tests.chaos --users 50 --operations 200 --minutes="$$MINUTES" $(ARGS)

# The API's types in TypeScript, from its OpenAPI document.
schema: .venv/installed gallery/node_modules/installed
	@$(OPENAPI) | $(NPM) run --silent schema

format: .venv/installed gallery/node_modules/installed
	@$(PY) -m ruff check --fix --quiet
	@$(PY) -m ruff format --quiet
	@$(NPM) run --silent format -- --log-level warn

check: .venv/installed gallery/node_modules/installed
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy
	@$(NPM) run --silent check
	@$(OPENAPI) | $(NPM) run --silent schema -- --check

# Every version and every hash of requirements*.txt, after a change of an .in file.
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --custom-compile-command 'make lock'

lock: .venv/installed
	@$(LOCK) requirements.in --output-file requirements.txt
	@$(LOCK) requirements-dev.in --output-file requirements-dev.txt
	@$(LOCK) requirements-emulator.in --output-file requirements-emulator.txt
	@$(LOCK) tests/clients/requirements.in --output-file tests/clients/requirements.txt

INSTALL := -m pip install -qq --disable-pip-version-check --require-hashes --requirement

# Installed once, and again when the requirements change.
# All of it goes to stderr: `make -s token` prints a token and nothing else, also the first time.
.venv/installed: requirements-dev.txt
	@$$PYTHON -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'Python 3.11 or later is needed, and "'"$$PYTHON"'" is not one. If you have one, name it:' >&2; \
	  echo '    make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 1; }
	@$$PYTHON -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'Python lacks its venv module. On Debian and Ubuntu:' >&2; \
	  $$PYTHON -c 'import sys; print("    sudo apt install python%d.%d-venv" % sys.version_info[:2])' >&2; exit 1; }
	$(ALONE)
	@echo 'Set-up, step 1 of 4: fetching the pinned packages into .venv (once; about a minute) …' >&2
	@$$PYTHON -m venv .venv >&2
	@$(PY) $(INSTALL) requirements-dev.txt >&2 || $(NETWORK)
	@touch $@

# The emulator needs other versions of what .venv has, and the Python of the stage `dev`: it runs the functions.
.venv-emulator/installed: .venv/installed requirements-emulator.txt .chalice/config.json
	$(ALONE)
	@python="$$($(PY) -m deploy python dev)" && { \
	  echo 'Setting up .venv-emulator with the emulator of AWS (once; about a minute) …' >&2; \
	  "$$python" -m venv --clear .venv-emulator >&2; }
	@.venv-emulator/bin/python $(INSTALL) requirements-emulator.txt >&2 || $(NETWORK)
	@touch $@

clean:
	rm -rf .setting-up .venv .venv-emulator gallery/node_modules chalicelib/gallery out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
