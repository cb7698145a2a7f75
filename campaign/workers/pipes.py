"""Pipes between our processes.

In: an end of one.  Out: the same with more room.  Touches: the kernel's buffers.
"""

from __future__ import annotations

import fcntl
from contextlib import suppress

PIPE_BYTES = 1 << 20  # what Linux lets anybody ask for (/proc/sys/fs/pipe-max-size)


def widen(end: int) -> None:
    """Let it hold PIPE_BYTES, or what it held before.

    All pipes of a user share some room (pipe-user-pages-soft in pipe(7)), which 32 workers use up.
    """
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
