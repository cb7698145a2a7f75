# The benchmarks.  `make bench ROW=headline` measures one row, ROUNDS=5 more rounds, FULL=1 also
# what takes many minutes.

ROUNDS ?= 3
ROW    ?=
PEERS  := $(if $(filter-out peers,$(ROW)),,peers)
.PHONY: bench soak performance peers

# What is measured is what `pip install .` gives, not the editable tree.
bench soak: export PYTHONPATH := $(COMPILED)
bench: venv tools compiled $(PEERS) ## measure everything beside smtp-source and the peers (15 minutes)
	$(BIN)/python -m bench $(ROW) --rounds $(ROUNDS) $(if $(FULL),--full)

# Without them their rows stay empty, and say so.
peers:
	@.ci/install-peers || true

soak: venv tools compiled ## send a million messages and watch memory, descriptors and rate
	$(BIN)/python -m bench soak

performance: venv ## write docs/performance.md from what bench and soak measured
	$(BIN)/python -m bench.report
