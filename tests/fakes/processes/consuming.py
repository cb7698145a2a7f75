"""`campaign consume` as a process, and what it says.

In: an open campaign, the url of a broker.  Out: sentences, an exit code.
Touches: one process, loopback.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

from campaign.config.loader import Campaign

# Long enough for the 10,000 letters of `make broker-repeats`.
_WITHIN_S = 90.0 + int(os.environ.get("BROKER_LETTERS", "0")) / 10


class Consuming:
    """`campaign consume` as a process; what it said so far."""

    def __init__(self, campaign: Campaign, url: str) -> None:
        self.said: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "campaign.cli.main", "consume", url, str(campaign.folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"CAMPAIGN_QUEUE_PASSWORD": ""},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line)
        self._process.stderr.close()

    def end(self, number: int = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        code = self._process.wait(60)
        self._reader.join()
        return code


def until(is_so: Callable[[], bool], seconds: float = _WITHIN_S) -> None:
    """Look until it is so; an error where it does not become so."""
    for _ in range(int(seconds / 0.2)):
        if is_so():
            return
        threading.Event().wait(0.2)
    raise AssertionError
