"""stdout and stderr, whose readers may be gone by the time something is said.

In: text.  Out: the same, or nothing where nobody reads it.  Touches: the process's streams.

What could not be written stays in the stream's buffer, fails once more when the interpreter ends,
and would make 120 of any exit code: a stream that failed leads nowhere from then on.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO

from campaign.cli.terminal.tables import legible


def prepare() -> None:
    """Before anything is said.  A stream that was closed from the start leads nowhere, lest its
    number become that of the journal."""
    for name in ("stdout", "stderr"):  # in the order of their numbers
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):  # a terminal without Unicode shows escapes
            stream.reconfigure(errors="backslashreplace")


def tell(text: str = "", stream: TextIO | None = None) -> None:
    """Print a line; what goes on behind it does not depend on being heard."""
    stream = stream or sys.stdout
    with suppress(OSError):
        print(text, file=stream)
    flush(stream)


def complain(sentence: str) -> None:
    """Say what went wrong, after all that was said before."""
    flush(sys.stdout)
    tell(legible(sentence, sys.stderr, keep="\n"), sys.stderr)


def flush(stream: TextIO) -> None:
    """Write out what is left of it, if anybody reads it."""
    try:
        stream.flush()
    except OSError:
        lead_nowhere(stream)


def lead_nowhere(stream: TextIO) -> None:
    """Whatever it holds, and all that is still written to it, is thrown away."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
