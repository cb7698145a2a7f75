# Every message three times, the consumer and the broker killed in between: one letter each.  The
# short form is in `make test`.

BROKER_LETTERS ?= 10000

.PHONY: broker-repeats

broker-repeats: venv tools ## BROKER_LETTERS=10000 messages through each broker, three times each, with kills
	BROKER_LETTERS=$(BROKER_LETTERS) $(BIN)/python -m pytest --quiet --durations=9 -k 'not away' tests/intake/queues/test_brokers.py

# A Java application that sends by JMS; the short form, by STOMP alone, is in tests/intake.

.PHONY: jms

jms: venv tools ## letters of a Java application through ActiveMQ, each sent once
	@command -v javac >/dev/null || .ci/apt-install default-jdk-headless
	BROKER_LETTERS=$(BROKER_LETTERS) $(BIN)/python -m pytest --quiet tests/intake/jms/long_jms.py
