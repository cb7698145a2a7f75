# The promise, in its long form: hundreds of kills, faults of the disk, loss of power.

.PHONY: crash

ROUNDS ?= 20

crash: venv ## kill a running campaign hundreds of times and compare what the server got
	CRASH=long $(BIN)/python -m pytest -n 2 --quiet tests/crash tests/e2e/test_kill_and_resume.py
	PYTHONPATH=tests $(BIN)/python tests/crash/rounds.py --rounds $(ROUNDS)
