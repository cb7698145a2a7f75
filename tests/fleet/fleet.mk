# The promise of a fleet, in its long form.

.PHONY: fleet-kills

FAULTS ?= 250

fleet-kills: venv ## kill, halt and restart three workers a thousand times, and their database
	PYTHONPATH=tests $(BIN)/python tests/fleet/kills.py --faults $(FAULTS)
