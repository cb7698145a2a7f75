# The promise of a fleet, in its long form.  What it gains and costs: `make bench ROW=fleet`.

.PHONY: fleet-kills

FAULTS ?= 250

fleet-kills: venv ## kill, halt and restart three workers a thousand times, their database and Dask
	PYTHONPATH=tests $(BIN)/python tests/fleet/kills.py --faults $(FAULTS)
