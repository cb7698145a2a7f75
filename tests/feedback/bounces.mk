# Bounces in their long form: a mailbox of 2,000 whose reader is killed, 10,000 mails and their time.

.PHONY: kill-bounces time-bounces

kill-bounces: venv ## kill the reader of a mailbox of 2,000 bounces, and count each once
	KILLED_MAILS=2000 $(BIN)/python -m pytest --quiet tests/feedback/test_killed.py

time-bounces: venv ## take in a Maildir of 10,000 mails and say how long that took
	PYTHONPATH=tests $(BIN)/python tests/feedback/time_bounces.py
