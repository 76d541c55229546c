# The project's commands. Each sets the machine up first if that is needed (tools/setup.sh).
.PHONY: help setup demo test check format lint types contracts unit shake torture bench vm-test clean

PY := .venv/bin/python
ARGS ?=

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup:  ## install what is missing on this machine
	@tools/setup.sh

demo: setup  ## the whole booth on simulators; ARGS="--seconds 60" ends by itself
	@.venv/bin/edge-agent demo $(ARGS)

test: setup check unit  ## everything that is checked at each commit

check: format lint types contracts  ## format, lint, types and direction rules

format:
	@$(PY) -m ruff format --check --quiet .

lint:
	@$(PY) -m ruff check --quiet .

types:
	@$(PY) -m mypy

contracts:
	@.venv/bin/lint-imports --no-logo

unit:  ## the tests alone, side by side: most of them wait
	@$(PY) -m pytest -n 4 --dist worksteal $(ARGS)

shake: setup  ## the tests on a machine that is slow at the worst moments; ARGS="tests/uplink" for some of them
	@$(PY) -m pytest -p tests.shake -n 3 --dist worksteal -o timeout=900 $(ARGS)

torture: setup  ## many thousand cases and events: kills, cuts at each byte, long property runs
	@EDGE_THOROUGH=1 $(PY) -m pytest -m torture -n 2 $(ARGS)
	@EDGE_THOROUGH=1 $(PY) -m pytest -n 2 tests/barcodes tests/codecs tests/counter tests/discovery tests/settings \
		tests/simulators/devices $(ARGS)

bench: setup  ## latency, start, idle, throughput, drain beside a bare floor of the same run
	@$(PY) -m tests.bench $(ARGS)

vm-test: setup  ## the agent on a real kernel with simulated USB devices (QEMU); ARGS="-m vm" for its torture, too
	@tools/vm/setup.sh
	@$(PY) -m tests.vm.images
	@$(PY) -m pytest tests/vm -m "vm and not torture" -n 4 --maxschedchunk 1 $(ARGS)

clean:  ## remove what was built
	@rm -rf .venv .work .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
