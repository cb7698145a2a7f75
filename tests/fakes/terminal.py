"""Streams that stand in for a terminal."""

from __future__ import annotations

import errno
import io


class Terminal(io.StringIO):
    """A terminal that remembers everything written to it."""

    def isatty(self) -> bool:
        return True


class ClosedTerminal(Terminal):
    """A terminal whose window was closed: every write fails as the kernel would make it."""

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")
