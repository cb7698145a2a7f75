"""Memory that a render worker shares with its pool: letters are laid there.

In: the descriptor of that memory, payloads.  Out: the same payloads, on the other side.
Touches: the memory.

Through a pipe each letter is copied twice more, page by page (2 µs of both sides together).  The
worker lays the letters of one batch into one half, those of the next into the other, and so on.
The pool gives it no third batch before it took the letters of the first (`QUEUED`): nothing is
written over that is still to be read, and nobody waits for room.  What does not fit goes through
the pipe.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import Self

_HALF_BYTES = 1 << 20  # batches are made to have about as much


class Shelf:
    """One side of it.  Both sides turn to the other half when a batch is through."""

    def __init__(self, memory: mmap.mmap | None) -> None:
        self._view = memoryview(memory or b"")
        self._start = 0  # of the half
        self._at = 0  # in the half

    @classmethod
    def of(cls, descriptor: int) -> Self:
        """That of a descriptor which `shared_memory` made, and which may be closed then."""
        return cls(mmap.mmap(descriptor, 2 * _HALF_BYTES))

    def lay(self, payload: bytes) -> bool:
        """Put it behind what lies there; False if there is no room for it."""
        if len(payload) > self._left:
            return False
        start = self._start + self._at
        self._view[start : start + len(payload)] = payload
        self._at += len(payload)
        return True

    def take(self, size: int) -> memoryview:
        """The next bytes, good until the half is turned to again.

        Raises ValueError where there cannot be so many.
        """
        if size > self._left:
            raise ValueError(f"{size} bytes where there is room for {self._left}")
        start = self._start + self._at
        self._at += size
        return self._view[start : start + size]

    def turn(self) -> None:
        """To the other half: a batch is through."""
        self._start = _HALF_BYTES - self._start
        self._at = 0

    def leave(self) -> None:
        """Have no part in it any more: the memory goes with the last who looks at it."""
        self._view = memoryview(b"")
        self._at = 0

    @property
    def _left(self) -> int:
        """Bytes of the half behind what lies there; a shelf without memory has none."""
        return len(self._view) // 2 - self._at


def shared_memory() -> int:
    """A descriptor of memory for a `Shelf`, that nobody can cut short: to read what is missing
    would end us (SIGBUS)."""
    descriptor = os.memfd_create("letters", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, 2 * _HALF_BYTES)
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor
