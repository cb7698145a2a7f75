"""What arrived, as a Maildir; what was turned away, as JSON lines beside it.

In: messages and refusals.  Out: files.  Touches: one folder.

A Maildir (https://cr.yp.to/proto/maildir.html) is written in `tmp/` and renamed into `new/`, so
whoever reads it sees whole messages only.  The bytes are kept as they came, with CRLF; three
header lines in front say what the envelope was.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import NamedTuple

from campaign.clock import Clock, iso

REFUSALS = "refusals.jsonl"


class Refusal(NamedTuple):
    """One recipient or message that the simulator did not simply take."""

    at: str  # RFC 3339
    stage: str  # "rcpt" or "dot"
    sender: str
    recipients: tuple[str, ...]
    reply: str  # "" where the connection was dropped instead
    file: str = ""  # name in new/ of a message that was kept all the same


class Mailbox:
    """One Maildir with its list of refusals; written by one thread."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        for name in ("tmp", "new", "cur"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._count = 0
        self._host = socket.gethostname().replace("/", "_").replace(":", "_")
        self.refusals: list[Refusal] = []

    def keep(self, sender: str, recipients: list[str], content: bytes) -> Path:
        """Write one message; its file."""
        self._count += 1
        now_s = self._clock.now_s()
        micro = int(now_s % 1 * 1e6)
        name = f"{int(now_s)}.M{micro:06d}P{os.getpid()}Q{self._count}.{self._host}"
        envelope = f"Return-Path: <{sender}>\r\n"
        envelope += "".join(f"Delivered-To: {recipient}\r\n" for recipient in recipients)
        envelope += f"X-Sandbox-Received: {iso(now_s)}\r\n"
        under_way, kept = self._folder / "tmp" / name, self._folder / "new" / name
        under_way.write_bytes(envelope.encode() + content)
        return under_way.rename(kept)

    def refuse(
        self, stage: str, sender: str, recipients: list[str], reply: str, file: str = ""
    ) -> None:
        """Note a refusal, a deferral or a dropped connection."""
        at = iso(self._clock.now_s())
        refusal = Refusal(at, stage, sender, tuple(recipients), reply, file)
        self.refusals.append(refusal)
        with (self._folder / REFUSALS).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(refusal._asdict(), ensure_ascii=False) + "\n")


def read_refusals(folder: Path) -> list[Refusal]:
    """Every refusal a sandbox has noted in this folder, oldest first."""
    file = folder / REFUSALS
    if not file.exists():
        return []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        found.append(Refusal(**{**fields, "recipients": tuple(fields["recipients"])}))
    return found
