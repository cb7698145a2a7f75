"""`campaign serve` as a process, over a folder that holds nothing but what it needs.

In: a store.  Out: its port.  Touches: a folder, a port, a process.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fakes.web.serve_site import SECRET

TOML = """\
[unsubscribe]
url = "https://example.com/u"
secret = {{ env = "CAMPAIGN_SECRET" }}

[suppression]
url = "{url}"

[serve]
title = "Analytical Engines"
listen = "{listen}"

[serve.lists]
newsletter = {{ en = "Monthly newsletter", zh = "每月通讯" }}
offers = "Offers and events"
product = "Product news"
"""


class Serving:
    """`port` of a running one; `connection()` to it."""

    def __init__(self, process: subprocess.Popen[str], said: str) -> None:
        self.process = process
        self.said = said
        self.address = said.removeprefix("Serving on ").partition(";")[0]
        self.port = int(self.address.rpartition(":")[2]) if self.address.startswith("http") else 0

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def write(folder: Path, url: str, listen: str = "127.0.0.1:0") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "campaign.toml").write_text(TOML.format(url=url, listen=listen), "utf-8")
    return folder


def start(folder: Path) -> Serving:
    """Returns once it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "campaign.cli.main", "serve", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CAMPAIGN_SECRET": SECRET},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said = process.stdout.readline()
    if not said:
        raise AssertionError(process.stderr.read())
    return Serving(process, said)


@contextmanager
def serving(folder: Path) -> Iterator[Serving]:
    running = start(folder)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.communicate(timeout=30)
