"""A message in pieces: what is its own, and numbers of what it shares with all others.

In: pieces.  Out: a message.  Touches: nothing.

A fixed attachment of megabytes then crosses from a render worker once, not with every message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from campaign.records import Message, Record

Piece = bytes | int  # an int is the number of a shared piece


class Draft(Record):
    """As `Message`, with its wire in pieces."""

    FIELDS = ("row", "pieces", "size_bytes", "needs_smtputf8", "problem", "snapshot")
    __slots__ = FIELDS

    def __init__(
        self, row: int, pieces: list[Piece], size_bytes: int, needs_smtputf8: bool,
        problem: str = "", snapshot: str = "",
    ) -> None:  # fmt: skip
        self.row: Final = row
        self.pieces: Final = pieces
        self.size_bytes: Final = size_bytes
        self.needs_smtputf8: Final = needs_smtputf8
        self.problem: Final = problem
        self.snapshot: Final = snapshot

    @property
    def own_bytes(self) -> int:
        """Without what it shares with others."""
        own = 0
        for piece in self.pieces:
            if isinstance(piece, bytes):
                own += len(piece)
        return own

    def with_pieces(self, pieces: list[Piece]) -> Draft:
        """The same with other pieces."""
        return Draft(
            self.row, pieces, self.size_bytes, self.needs_smtputf8, self.problem, self.snapshot
        )

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
    found: list[Piece] = []
    run: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            run.append(piece)
            continue
        if run:
            found.append(b"".join(run))
            run = []
        found.append(piece)
    if run:
        found.append(b"".join(run))
    return found


def size_of(pieces: Sequence[Piece], shared: Sequence[bytes]) -> int:
    """In bytes, all pieces together."""
    size = 0
    for piece in pieces:
        size += len(piece) if isinstance(piece, bytes) else len(shared[piece])
    return size
