# The two commands that matter: `make up` shows a living rehearsal city, `make test` proves this checkout.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
BUDGET ?= 30m
ROW ?=

.PHONY: help up test test-slow soak lint types format lock partners ansible-tools bench clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

up: $(VENV)/.run  ## set up, then run the rehearsal city: dashboard http://127.0.0.1:8080, portal http://127.0.0.1:8081
	@exec $(BIN)/netops demo

test: $(VENV)/.dev partners ansible-tools  ## set up, then run the fast lane (under 10 minutes on 2 cores)
	@tools/test fast

test-slow: $(VENV)/.dev partners ansible-tools  ## every kind of fault, fuzz and load test within BUDGET=30m, seeded
	@tools/test slow $(BUDGET)

soak: $(VENV)/.dev  ## full counts of one row of faults or attacks, resumable: make soak ROW=R4
	@tools/soak "$(ROW)"

lint: $(VENV)/.dev  ## ruff, format and the floors
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-cache

types: $(VENV)/.dev  ## mypy, strict
	$(BIN)/mypy

format: $(VENV)/.dev  ## let ruff format the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

partners:  ## Debian packages that the tests talk to (as root; otherwise says which are missing)
	@tools/partners

bench: $(VENV)/.dev partners  ## every figure of the documentation, with its command
	@tools/bench

lock:  ## resolve requirements/*.in again (needs uv)
	for f in run dev ansible; do uv pip compile --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --python-version 3.11 requirements/$$f.in -o requirements/$$f.txt; done

clean:  ## remove what the build made (not the rehearsal's data)
	rm -rf $(VENV) .venv-ansible build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.run: requirements/run.txt setup.cfg setup.py collectors/snmp/fast.c
	@tools/venv $(PYTHON) $(VENV) requirements/run.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt setup.cfg setup.py collectors/snmp/fast.c
	@tools/venv $(PYTHON) $(VENV) requirements/dev.txt
	@touch $(VENV)/.run $@

ansible-tools: .venv-ansible/.done

.venv-ansible/.done: requirements/ansible.txt
	@NETOPS_NO_PROJECT=1 tools/venv $(PYTHON) .venv-ansible requirements/ansible.txt
	@touch $@
