# The promise of a fleet, in its long form.

.PHONY: fleet-kills

FAULTS ?= 250

fleet-kills: venv ## kill, halt and restart three workers a thousand times, and their database
	PYTHONPATH=tests $(BIN)/python tests/fleet/kills.py --faults $(FAULTS)

.PHONY: fleet-measure

fleet-measure: venv ## three workers against one, PostgreSQL against SQLite, a rate that is shared
	PYTHONPATH=tests $(BIN)/python tests/fleet/measure.py
