# A Java application that sends by JMS; the short form, by STOMP alone, is in tests/intake.

.PHONY: jms

jms: venv tools ## letters of a Java application through ActiveMQ, each sent once
	@command -v javac >/dev/null || .ci/apt-install default-jdk-headless
	$(BIN)/python -m pytest --quiet tests/intake/jms/long_jms.py
