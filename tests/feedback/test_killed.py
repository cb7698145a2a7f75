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
# It kills itself when it looks for another mail, once half of them are read.
HALFWAY = """
import os, signal, sys
from campaign.cli.main import main
seen = 0
def kill(event, details):
    global seen
    if event == "open" and "/m/" in str(details[0]):
        seen += 1
        if seen > int(os.environ["HALF"]):
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
sys.exit(main(sys.argv[1:]))
"""
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
    # Somewhere in the middle for certain; then whenever it happens to be.
    halfway = subprocess.run(
        [sys.executable, "-c", HALFWAY, *command[3:]],
        timeout=100, env={**os.environ, "HALF": str(MAILS // 2)}, check=False,
    )  # fmt: skip
    assert halfway.returncode == -signal.SIGKILL
    for _ in range(5):
        reader = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            reader.wait(dice.uniform(0.3, 1.0) * whole_s)
        except subprocess.TimeoutExpired:
            reader.send_signal(signal.SIGKILL)
        reader.wait()
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    found = Counter(event.row for event in events(*spring.journal))
    assert found == Counter(range(1, MAILS + 1))
    assert set(suppressed(spring)) == {f"person{n}@example.org" for n in range(1, MAILS + 1, 2)}
    assert len(list((tmp_path / "read" / "cur").iterdir())) == MAILS
