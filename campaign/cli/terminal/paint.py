"""Colour for a terminal that wants it, plain text for everything else.

In: text, a stream.  Out: text, with ANSI escapes where the stream is a terminal.
Touches: the environment variables NO_COLOR, FORCE_COLOR and TERM (no-color.org).
"""

from __future__ import annotations

import os
from typing import TextIO


class Paint:
    """Paints for one stream; `text` must be escaped before it is painted."""

    def __init__(self, is_on: bool) -> None:
        self.is_on = is_on

    @classmethod
    def on(cls, stream: TextIO) -> Paint:
        """Colour if `stream` is a terminal and nobody said no."""
        if os.environ.get("NO_COLOR"):
            return cls(False)
        if os.environ.get("FORCE_COLOR"):
            return cls(True)
        return cls(stream.isatty() and os.environ.get("TERM") != "dumb")

    def bold(self, text: str) -> str:
        return self._wrapped(text, "1")

    def dim(self, text: str) -> str:
        return self._wrapped(text, "2")

    def red(self, text: str) -> str:
        return self._wrapped(text, "31")

    def green(self, text: str) -> str:
        return self._wrapped(text, "32")

    def yellow(self, text: str) -> str:
        return self._wrapped(text, "33")

    def cyan(self, text: str) -> str:
        return self._wrapped(text, "36")

    def _wrapped(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.is_on and text else text
