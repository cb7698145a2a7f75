"""A message in pieces: what is its own, and numbers of what it shares with all others.

In: pieces.  Out: a message.  Touches: nothing.

A fixed attachment of megabytes then crosses from a render worker once, not with every message.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from campaign.records import Message

Piece = bytes | int  # an int is the number of a shared piece


class Draft(NamedTuple):
    """As `Message`, with its wire in pieces."""

    row: int
    pieces: list[Piece]
    size_bytes: int
    needs_smtputf8: bool
    problem: str = ""
    snapshot: str = ""

    @property
    def own_bytes(self) -> int:
        """Without what it shares with others."""
        return sum(len(piece) for piece in self.pieces if isinstance(piece, bytes))

    def assembled(self, shared: Sequence[bytes]) -> Message:
        """The message."""
        wire = b"".join(joined(self.pieces, shared))
        return Message(
            self.row, wire, self.size_bytes, self.needs_smtputf8, self.problem, self.snapshot
        )


def joined(pieces: Sequence[Piece], shared: Sequence[bytes]) -> list[bytes]:
    """Bytes for each piece."""
    return [shared[piece] if isinstance(piece, int) else piece for piece in pieces]


def merged(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbours of its own joined."""
    if int not in map(type, pieces):
        return [b"".join(pieces)]  # type: ignore[arg-type]
    found: list[Piece] = []
    for is_shared, run in groupby(pieces, lambda piece: isinstance(piece, int)):
        if is_shared:
            found += run
        else:
            found.append(b"".join(run))  # type: ignore[arg-type]
    return found
