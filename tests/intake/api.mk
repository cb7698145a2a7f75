# The promise of the API, in its long form.

API_POSTS ?= 10000

.PHONY: api-kills

api-kills: venv tools ## kill `campaign serve --api` under API_POSTS=10000 requests, and attack its OpenAPI
	API_POSTS=$(API_POSTS) API_EXAMPLES=500 $(BIN)/python -m pytest -n 2 --quiet tests/intake/api/test_kills.py tests/intake/api/test_openapi.py

API_BACKLOG_S ?= 600

.PHONY: api-backlog

api-backlog: venv tools ## ask a full backlog for letters for API_BACKLOG_S=600 seconds: its memory is flat
	API_BACKLOG_S=$(API_BACKLOG_S) $(BIN)/python -m pytest --quiet tests/intake/api/test_full_backlog.py
