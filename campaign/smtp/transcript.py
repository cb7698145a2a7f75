"""One SMTP session written down for a person to read.

In: what goes over the wire.  Out: lines `SERVER -> CLIENT: ...` and `CLIENT -> SERVER: ...`, each
with its time of day.  Touches: the file it is given, or opens.

Secrets are blanked by the caller; of a body only the header block is written, then its size.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import IO

from campaign.clock import Clock, iso
from campaign.smtp.replies.parsing import printable

_BODY_HEAD = 16 * 1024  # more header than this is not written


class Transcript:
    """Writes to `file` (text, UTF-8), which it closes with the session."""

    def __init__(self, file: IO[str], clock: Clock) -> None:
        self._file = file
        self._clock = clock

    def server(self, data: bytes) -> None:
        self._said("SERVER -> CLIENT", data)

    def client(self, data: bytes) -> None:
        self._said("CLIENT -> SERVER", data)

    def body(self, wire: bytes) -> None:
        """A message, dot-stuffed, without the final dot."""
        head = wire[: wire.find(b"\r\n\r\n") + 2][:_BODY_HEAD]
        self._said("CLIENT -> SERVER", head)
        self.note(f"message of {len(wire)} bytes, of which {len(wire) - len(head)} not shown")

    def note(self, text: str) -> None:
        """Something that happened without a line on the wire."""
        self._write([f"-- {text}"])

    def close(self, why: str) -> None:
        """Nothing is written after the first reason."""
        self.note(f"closed: {why}")
        self._file.close()

    def _said(self, direction: str, data: bytes) -> None:
        lines = data.decode("utf-8", "backslashreplace").splitlines()
        self._write([f"{direction}: {printable(line)}" for line in lines])

    def _write(self, lines: list[str]) -> None:
        if not self._file.closed:
            stamp = iso(self._clock.now_s())
            self._file.writelines(f"{stamp} {line}\n" for line in lines)


def open_transcript(folder: Path, name: str, number: int, clock: Clock) -> Transcript:
    """The file that takes down one connection: `relay.example.com-587-0001.txt`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{re.sub('[:/ ]', '-', name)}-{number:04d}.txt"
    file = open(path, "w", encoding="utf-8", opener=_for_the_owner)  # noqa: SIM115
    return Transcript(file, clock)


def _for_the_owner(path: str, flags: int) -> int:
    """A transcript names people."""
    return os.open(path, flags, 0o600)
