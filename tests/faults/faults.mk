.PHONY: faults-table

faults-table: venv ## write docs/faults.md from the tests of the faults
	$(BIN)/python -m tests.faults_table > docs/faults.md
