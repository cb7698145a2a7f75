"""A courier with a list of letters, who writes down everything it is told.

In: letters.  Out: what became of each, in order.  Touches: nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NamedTuple, TypeVar

import uvloop

from campaign.records import Claim, Letter, Reply, Stage
from campaign.smtp.connection import Connection
from campaign.smtp.endpoint import Endpoint, Timeouts
from campaign.smtp.ends import End
from campaign.smtp.opening.connect import connect

T = TypeVar("T")

PATIENT = Timeouts(**dict.fromkeys(Timeouts.__dataclass_fields__, 30.0))


def letter(row: int, recipient: str = "", *, body: bytes = b"", **fields: Any) -> Letter:
    """A small letter to `row@example.com`, or with the `wire` that `body` makes."""
    wire = b"Subject: letter %d\r\n\r\n%s\r\n" % (row, body or b"Hello")
    claim = Claim(row, 0, "", "", "", "", 0, 0, 0, 0.0)
    given = {
        "sender": "ada@example.org",
        "recipient": recipient or f"{row}@example.com",
        "wire": wire,
        "needs_smtputf8": False,
        "claim": claim,
        **fields,
    }
    return Letter(row, **{"size_bytes": len(given["wire"]), **given})


def endpoint_of(port: int, **fields: Any) -> Endpoint:
    """A server on loopback, in clear text unless told otherwise."""
    fields.setdefault("security", "none")
    fields.setdefault("hello", "client.example")
    return Endpoint("relay", fields.pop("host", "127.0.0.1"), port, **fields)


class Settled(NamedTuple):
    row: int
    stage: Stage
    reply: Reply


class Lost(NamedTuple):
    row: int
    stage: Stage
    dot_written: bool
    why: str


class Closed(NamedTuple):
    stage: Stage
    why: str
    reply: Reply | None


class Postman:
    """Implements `Courier`; `hold` keeps permissions back until `release`."""

    def __init__(self, letters: Iterable[Letter] = (), *, hold: bool = False) -> None:
        self.waiting = list(letters)
        self.settled: list[Settled] = []
        self.losses: list[Lost] = []
        self.closings: list[Closed] = []
        self.asked: list[int] = []  # rows whose dot was asked for
        self.held: list[Callable[[], None]] = []
        self.is_over = asyncio.Event()
        self._hold = hold
        self._total = len(self.waiting)
        self._doubtful: dict[Connection, int] = {}
        self._open = 0

    async def travel(
        self, endpoint: Endpoint, *, connections: int = 1, limit: int = 1000, **how: Any
    ) -> Postman:
        """Deliver everything over fresh connections, until all are closed."""
        how.setdefault("timeouts", PATIENT)
        self._open = connections
        for _ in range(connections):
            connection = await connect(endpoint, self, limit=limit, **how)
            connection.wake()
        await asyncio.wait_for(self.is_over.wait(), 60)
        return self

    def release(self) -> None:
        held, self.held = self.held, []
        for go in held:
            go()

    @property
    def sent(self) -> list[int]:
        return sorted(s.row for s in self.settled if s.reply.code == 250)

    @property
    def refused(self) -> dict[int, tuple[str, int]]:
        return {s.row: (s.stage.value, s.reply.code) for s in self.settled if s.reply.code >= 400}

    @property
    def lost_plainly(self) -> list[int]:
        return sorted(loss.row for loss in self.losses if not loss.dot_written)

    @property
    def in_doubt(self) -> list[int]:
        return sorted(loss.row for loss in self.losses if loss.dot_written)

    # -- Courier ----------------------------------------------------------------------------

    def next_letter(self, connection: Connection) -> Letter | None:
        if self.waiting:
            return self.waiting.pop(0)
        connection.finish()
        return None

    def permit_dot(self, connection: Connection, letter: Letter, go: Callable[[], None]) -> None:
        assert connection not in self._doubtful, "two letters of one connection in doubt"
        self.asked.append(letter.row)
        self._doubtful[connection] = letter.row
        if self._hold:
            self.held.append(go)
        else:
            asyncio.get_running_loop().call_soon(go)

    def answered(self, connection: Connection, letter: Letter, stage: Stage, reply: Reply) -> None:
        assert not self.closings or self._open
        if self._doubtful.get(connection) == letter.row:
            del self._doubtful[connection]
        self.settled.append(Settled(letter.row, stage, reply))

    def lost(
        self, connection: Connection, letter: Letter, stage: Stage, dot_written: bool, why: str
    ) -> None:
        self.losses.append(Lost(letter.row, stage, dot_written, why))

    def closed(self, connection: Connection, end: End) -> None:
        self.closings.append(Closed(end.stage, end.why, end.reply))
        self._open -= 1
        if not self._open:
            self.is_over.set()


def run(main: Coroutine[Any, Any, T], *, uv: bool = False) -> T:
    """`asyncio.run` on either loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uv else None) as runner:
        return runner.run(main)
