# Everything a developer does with the tree; `make` alone lists it.

PYTHON ?= $(shell .ci/python)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEMO   := build/demo
EXTRAS := excel,parquet,postgresql,markdown,css,locale,web,schedule,imap,bounces,verify,fleet,queues
COMPILED := $(abspath build/compiled)

.DEFAULT_GOAL := help
.PHONY: help venv demo test compiled test-compiled check schema screenshots tools clean

help: ## list what can be made
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | sort | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

venv: $(STAMP) ## make .venv with campaign and its tools in it

# pip knows dependency groups from 25.1 on; the one a fresh Python brings is older.
$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[$(EXTRAS)]" --group dev
	@touch $@

demo: venv ## run the sample campaign against the built-in sandbox
	@rm -rf $(DEMO) && mkdir -p $(DEMO) && cp -R sample_data templates $(DEMO)/
	@.ci/demo $(abspath $(BIN)/campaign) $(DEMO)

tools: ## install what the tests need: Postfix, PostgreSQL, strace, Chromium, axe-core
	@.ci/install-servers
	@.ci/install-browser

# Half of a test's time is waiting, for servers and for processes that start: three workers keep two
# cores busy, a fourth gains nothing.  Bytecode is kept even where the environment says not to
# (images often do): else every worker rewrites all asserts and every campaign compiles itself.
test: export PYTHONDONTWRITEBYTECODE :=
test: venv tools ## run the tests
	$(BIN)/python -m pytest -n 3 --dist worksteal --quiet

# setuptools would keep in build/ what is no longer in the tree.  Its time is that of the beginning:
# a file saved meanwhile may have been read before.
compiled: $(COMPILED)/.built ## build/compiled: campaign as `pip install .` gives it
$(COMPILED)/.built: pyproject.toml setup.py $(shell find campaign -name '*.py') $(STAMP)
	@rm -rf $(COMPILED) build/lib* build/temp* build/bdist*
	@mkdir -p build && touch build/.begun
	$(BIN)/python -m pip install --quiet --no-deps --target $(COMPILED) .
	@mv build/.begun $@

# pytest by its own name: `python -m pytest` would find the files of the tree first.
test-compiled: export PYTHONDONTWRITEBYTECODE :=
test-compiled: export PYTHONPATH := $(COMPILED)
test-compiled: venv tools compiled ## run the same tests on it
	$(BIN)/campaign --version | grep compiled
	$(BIN)/pytest -n 3 --dist worksteal --quiet

check: venv ## lint, format, types, floors and doors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

schema: venv ## write docs/campaign.schema.json, docs/config.md and docs/campaign.1 from the program
	$(BIN)/python -m campaign.config.schema > docs/campaign.schema.json
	$(BIN)/python -m campaign.config.schema --markdown > docs/config.md
	$(BIN)/python -m campaign.cli.line.manual > docs/campaign.1

screenshots: venv tools ## draw every page for docs/screenshots, and the terminal
	$(BIN)/python tests/screenshots.py docs/screenshots
	@rm -rf $(DEMO) && mkdir -p $(DEMO) && cp -R sample_data templates $(DEMO)/
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tools/terminal_shot.py docs/screenshots/run.svg \
		--cwd $(DEMO) --rows 60 --after 15 -- campaign run sample_data --sandbox --yes

include bench/bench.mk tests/crash/crash.mk tests/fleet/fleet.mk tests/feedback/bounces.mk tests/faults/faults.mk tests/fuzz/fuzz.mk tests/signing/dkim.mk tests/serve/serve.mk tests/intake/api.mk tests/intake/queues.mk

clean: ## remove everything that was made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
