# Many letters, signed and shown to three verifiers that others wrote.

DKIM_LETTERS ?= 10000

.PHONY: dkim-fuzz

dkim-fuzz: venv tools ## sign DKIM_LETTERS=10000 hard letters and have three verifiers read them
	DKIM_LETTERS=$(DKIM_LETTERS) $(BIN)/python -m pytest -n 2 --quiet tests/signing/test_verifiers.py
