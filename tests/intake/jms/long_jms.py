"""JMS and mail, end to end: a Java application sends through ActiveMQ, and each letter goes once.

`make jms`; the same by STOMP alone is in `test_brokers.py`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from fakes.mail.recorder import recorder
from fakes.prepared.open_campaigns import open_campaign
from fakes.prepared.triggering import audited, one_pass
from fakes.processes.consuming import Consuming, until
from fakes.servers import brokers
from intake.queues.test_brokers import kept

PRODUCER = Path(__file__).parent / "Producer.java"
LIBRARIES = "/usr/share/activemq/lib/*:/usr/share/java/activemq-client.jar"
COUNT = int(os.environ.get("BROKER_LETTERS", "200"))


def test_a_java_application_sends_by_jms_and_each_letter_goes_once(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    with recorder() as relay, brokers.activemq(tmp_path / "broker") as (broker, openwire):
        campaign = open_campaign(tmp_path / "shop", port=relay.port)
        consuming = Consuming(campaign, f"stomp://127.0.0.1:{broker.port}/?queue=letters")
        url = f"tcp://127.0.0.1:{openwire}"
        asked = ["java", "-cp", LIBRARIES, str(PRODUCER), url, str(COUNT), "3"]
        subprocess.run(asked, check=True, timeout=1200)
        until(lambda: len(kept(campaign)) == COUNT)
        assert consuming.end() == 0
        assert kept(campaign) == sorted(f"person{n}@example.com" for n in range(COUNT))
        assert one_pass(campaign).exit_code == 0
        assert dict(relay.accepted) == {f"person{n}@example.com": 1 for n in range(COUNT)}
        audited(campaign)
