"""Sessions of PostgreSQL that keep what they acknowledge and never wait for ever.

In: a `Place` with a url.  Out: connections of `psycopg`.  Touches: the network.
Fails with JournalError where the server would not make a commit durable, and with the driver's
OperationalError where it does not answer in time.

Durability is a setting of each session (`synchronous_commit`), and a server, a database or a role
may have switched it off.  So it is asked for when the session starts, and read back.

A lost server shows in three ways.  The kernel notices one that does not acknowledge packets
(`tcp_user_timeout`, keepalives).  One that acknowledges and never answers, as a broken proxy does,
is noticed here: each answer is waited for `patience_s`, where that is set.  `hurry` shortens the
wait that is under way in another thread.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import psycopg

from campaign.clock import Clock, SystemClock
from campaign.database.places import Place
from campaign.database.sql import make_url
from campaign.errors import JournalError

HURRIED_S = 2.0  # for all the rest, once somebody has asked twice to stop
_DURABLE = ("on", "remote_apply")  # what a commit waits for: at least this server's own disk
_TERMS = {  # seconds, but for the last: milliseconds
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_CLOCK = SystemClock()


class Session(psycopg.Connection[Any]):
    """A connection whose every wait for the server has an end.

    `patience_s` None: a statement may take as long as it takes, as planning a long list does.
    """

    patience_s: float | None = None
    clock: Clock = _CLOCK
    _until_s: float | None = None  # set once: after it every wait ends

    def hurry(self) -> None:
        """Whatever is waited for, here or in another thread, has `HURRIED_S` left."""
        if self._until_s is None:
            self._until_s = self.clock.tick_s() + HURRIED_S

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **also: Any) -> Any:
        """As the driver's own, with an end.  Raises OperationalError; the session is over then."""
        return super().wait(self._bounded(gen), *args, **also)

    def _bounded(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """The driver asks again several times a second, with nothing where nothing has come."""
        began_s = self.clock.tick_s()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and (waited_s := self._waited_too_long(began_s)):
                    self.pgconn.finish()
                    raise psycopg.OperationalError(
                        f"the server did not answer for {waited_s:.0f} s"
                    )
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value

    def _waited_too_long(self, began_s: float) -> float:
        """How long, in seconds; 0.0 where it may go on."""
        now_s = self.clock.tick_s()
        ends_s = float("inf") if self.patience_s is None else began_s + self.patience_s
        if self._until_s is not None:
            ends_s = min(ends_s, self._until_s)
        return max(now_s - began_s, 1.0) if now_s >= ends_s else 0.0


def connect(place: Place, *, is_read_only: bool) -> Session:
    """A session of the server that the url names.  Raises the driver's errors, and JournalError
    where commits of a session that writes would not be durable."""
    url = make_url(place.url)
    given = {name: str(value) for name, value in url.translate_connect_args().items()}
    given["dbname"] = given.pop("database", "")
    given["user"] = given.pop("username", "")
    given = {name: value for name, value in given.items() if value}
    queried = {name: str(value) for name, value in url.query.items()}
    demand = "default_transaction_read_only=on" if is_read_only else "synchronous_commit=on"
    options = f"{queried.pop('options', '')} -c {demand}".strip()
    session = Session.connect(**{**_TERMS, **given, **queried, "options": options})  # type: ignore[arg-type]
    if not is_read_only:
        try:
            refuse_forgetful(session, place)
        except BaseException:
            session.close()
            raise
    return session


def refuse_forgetful(session: Session, place: Place) -> None:
    """A pooler between us and the server may drop the option: what counts is what holds."""
    found = session.execute("SELECT current_setting('synchronous_commit')").fetchone()
    session.rollback()
    if found is None or found[0] not in _DURABLE:
        raise JournalError(
            f"journal {place.shown}: its sessions have synchronous_commit = {found and found[0]},"
            " so that a commit is not durable when it is acknowledged",
            remedy="connect to the server itself and not through a pooler, or let this role set"
            " synchronous_commit = on",
        )
