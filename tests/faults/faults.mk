.PHONY: faults-table foreign

faults-table: venv ## write docs/faults.md from the tests of the faults
	$(BIN)/python -m tests.faults_table > docs/faults.md

foreign: venv tools ## 300 recipients over 10 connections to each of the strict servers
	FOREIGN_PEOPLE=300 $(BIN)/python -m pytest --quiet tests/faults/test_foreign.py
