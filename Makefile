# Both install what they need first (.ci/setup); a second run finds it there.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
READY := .venv/ready

# Pythons that pyenv has but not on PATH: tox looks at these first.
PYTHONS := $(wildcard $(HOME)/.pyenv/versions/*/bin/python3.[1-9][0-9])

.PHONY: help demo test fuzz fuzz-model fuzz-codec clean

help:
	@echo "make demo    boot a Linux kernel, let it mount our server, run the conformance scripts through the mount"
	@echo "make test    lint, types, drift, and all tests on every Python from 3.11 that is installed"
	@echo "make fuzz    a million damaged sessions against our server; INPUTS=… SEED=… SERVER=diod"
	@echo "make fuzz-model   random sessions beside a model of the server; EXAMPLES=…"
	@echo "make fuzz-codec   atheris against the codec; FUZZ_SECONDS=… (Python 3.11; installs it)"
	@echo "make clean   remove .venv, .tox and caches"

demo: $(READY)
	.venv/bin/ninep lab

# tox ends with its own report; below it, once more, pytest's closing line from each Python.
test: $(READY)
	@mkdir -p .tox; failed=0; \
	.venv/bin/tox run $(if $(PYTHONS),--discover $(PYTHONS)) 2>&1 | tee .tox/log || failed=1; \
	awk '/^py[0-9]+: commands/ { sub(":", "", $$1); name = $$1 } \
	     /^=+ .* in [0-9.]+s.* =+$$/ { print name; print }' .tox/log; \
	exit $$failed

INPUTS ?= 1000000
SEED ?= 1
SERVER ?= ninep

fuzz: $(READY)
	.venv/bin/python -m ninep.conformance.fuzz $(SERVER) --inputs $(INPUTS) --seed $(SEED)

# New sessions each time.  What is found is shown as the requests that lead to it.
EXAMPLES ?= 20000

fuzz-model: $(READY)
	NINEP_TEST_EXAMPLES=$(EXAMPLES) .venv/bin/python -m pytest tests/test_model.py

# What is found is left in a file crash-…, for `python -m tests.fuzzing --again FILE`.
FUZZ_SECONDS ?= 600

fuzz-codec: $(READY)
	.venv/bin/python -m pip install -q --group fuzz
	.venv/bin/python -m tests.fuzzing --runs 1000000000 --seconds $(FUZZ_SECONDS) --seed $(SEED)

clean:
	rm -rf .venv .tox .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml .ci/setup
	@.ci/setup
	@touch $@
