"""One SMTP session written down for a person to read.

In: what goes over the wire.  Out: lines `SERVER -> CLIENT: ...` and `CLIENT -> SERVER: ...`, each
with its time of day.  Touches: the file it is given.

Secrets are blanked by the caller; of a body only the header block is written, then its size.
"""

from __future__ import annotations

from typing import IO

from campaign.clock import Clock, iso
from campaign.smtp.replies import printable

_BODY_HEAD = 16 * 1024  # more header than this is not written


class Transcript:
    """Writes to `file` (text, UTF-8), which it closes with the session."""

    def __init__(self, file: IO[str], clock: Clock) -> None:
        self._file = file
        self._clock = clock

    def server(self, data: bytes) -> None:
        self._write("SERVER -> CLIENT", data)

    def client(self, data: bytes) -> None:
        self._write("CLIENT -> SERVER", data)

    def body(self, wire: bytes) -> None:
        """A message, dot-stuffed, without the final dot."""
        head = wire[: wire.find(b"\r\n\r\n") + 2][:_BODY_HEAD]
        self._write("CLIENT -> SERVER", head)
        self.note(f"message of {len(wire)} bytes, of which {len(wire) - len(head)} not shown")

    def note(self, text: str) -> None:
        """Something that happened without a line on the wire."""
        self._file.write(f"{iso(self._clock.now_s())} -- {text}\n")

    def close(self, why: str) -> None:
        self.note(f"closed: {why}")
        self._file.close()

    def _write(self, direction: str, data: bytes) -> None:
        stamp = iso(self._clock.now_s())
        for line in data.decode("utf-8", "backslashreplace").splitlines():
            self._file.write(f"{stamp} {direction}: {printable(line)}\n")
