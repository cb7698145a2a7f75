"""Killed at any instant, and run again until it is done: each event once, everybody suppressed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from campaign.journal.reading.returned.events import events
from feedback import corpus
from feedback.mailbox import about, sent_campaign, suppressed
from feedback.test_sources import maildir

GONE = corpus.postfix("5.1.1", f"550 5.1.1 <{corpus.ADA}>: User unknown")
FULL = corpus.postfix("5.2.2", f"552 5.2.2 <{corpus.ADA}>: mailbox full")
MAILS = int(os.environ.get("KILLED_MAILS", "200"))  # `make kill-bounces` takes 2,000


def test_each_event_counts_once_however_often_its_reader_is_killed(tmp_path: Path) -> None:
    spring = sent_campaign(tmp_path / "spring", people=MAILS)
    raws = {row: about(GONE if row % 2 else FULL, spring, row) for row in range(1, MAILS + 1)}
    maildir(tmp_path / "m", list(raws.values()))
    command = [sys.executable, "-m", "campaign.cli.main", "bounces", str(tmp_path / "m"),
               "--campaign", str(spring.folder), "--move-to", str(tmp_path / "read")]  # fmt: skip
    dice = random.Random(7)
    began = time.monotonic()
    subprocess.run([*command[:-2], "--json"], check=True, capture_output=True, timeout=100)
    whole_s = time.monotonic() - began
    (spring.folder / "state" / "journal.sqlite.events").unlink()
    (spring.folder / "state" / "suppression.sqlite").unlink()
    killed = 0
    for _ in range(6):
        reader = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            reader.wait(dice.uniform(0.3, 1.0) * whole_s)
        except subprocess.TimeoutExpired:
            reader.send_signal(signal.SIGKILL)
            killed += 1
        reader.wait()
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    found = Counter(event.row for event in events(*spring.journal))
    assert found == Counter(range(1, MAILS + 1))
    assert set(suppressed(spring)) == {f"person{n}@example.org" for n in range(1, MAILS + 1, 2)}
    assert len(list((tmp_path / "read" / "cur").iterdir())) == MAILS
    assert killed
