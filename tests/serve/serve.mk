# The promise of one-click, in its long form.

SERVE_POSTS ?= 10000

.PHONY: serve-kills

serve-kills: venv tools ## kill `campaign serve` under SERVE_POSTS=10000 unsubscribes, at random
	SERVE_POSTS=$(SERVE_POSTS) SERVE_EXAMPLES=5000 $(BIN)/python -m pytest -n 2 --quiet tests/serve
