"""The words between a signer and the process that sends.

In: descriptors, signatures.  Out: arguments of a process, payloads.  Touches: descriptors, to close
them.

Each letter is a frame by itself; the signatures of a batch are one.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

from campaign.workers.frames import LENGTH

BATCH = struct.Struct("<dI")  # Unix time, letters that follow
LARGEST = 200_000_000  # bytes of a frame: four times the largest letter


class SignerEnds(NamedTuple):
    """Descriptors of one signer: its two pipes, its shelf."""

    input: int
    output: int
    shelf: int  # -1 where there is none

    @classmethod
    def of(cls, word: str) -> SignerEnds:
        """From an argument, as `str` of its numbers with commas."""
        return cls(*map(int, word.split(",")))

    def close(self) -> None:
        for descriptor in self:
            if descriptor >= 0:
                os.close(descriptor)


def packed(blocks: Sequence[bytes]) -> bytes:
    """Blocks of bytes as one payload."""
    lengths = struct.pack(f"<{len(blocks)}I", *map(len, blocks))
    return b"".join((LENGTH.pack(len(blocks)), lengths, *blocks))


def unpacked(payload: memoryview, count: int) -> list[bytes]:
    """So many blocks.  Raises ValueError for another number of them."""
    if len(payload) < LENGTH.size or LENGTH.unpack_from(payload) != (count,):
        raise ValueError("not as many signatures as letters")
    at = LENGTH.size * (count + 1)
    blocks = []
    for length in struct.unpack_from(f"<{count}I", payload, LENGTH.size):
        blocks.append(bytes(payload[at : at + length]))
        at += length
    return blocks
