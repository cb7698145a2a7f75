# The long forms of the tests that look for what nobody thought of.

FUZZ_S ?= 60
FUZZ_TARGETS := replies lists headers

.PHONY: fuzz fuzz-rows $(FUZZ_TARGETS:%=fuzz-%)

fuzz: fuzz-rows $(FUZZ_TARGETS:%=fuzz-%) ## any row, any smuggled string, atheris for FUZZ_S=60 seconds a target

# atheris is needed here only, so it is not among the tools of all.
$(VENV)/.fuzz: pyproject.toml | venv
	$(BIN)/python -m pip install --quiet --group fuzz
	@touch $@

fuzz-rows: venv
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n 2 --quiet tests/fuzz tests/smuggling

# A crash is kept as build/fuzz/NAME/crash-...; hand it to the target as its argument to see it again.
$(FUZZ_TARGETS:%=fuzz-%): fuzz-%: $(VENV)/.fuzz
	@mkdir -p build/fuzz/$*/corpus
	$(BIN)/python tests/fuzz/fuzz_$*.py -max_total_time=$(FUZZ_S) -max_len=2000 \
		-artifact_prefix=build/fuzz/$*/ -print_final_stats=1 build/fuzz/$*/corpus
