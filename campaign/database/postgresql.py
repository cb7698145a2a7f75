"""Sessions of PostgreSQL that keep what they acknowledge and never wait for ever.

In: a `Place` with a url.  Out: connections of `psycopg`.  Touches: the network.
Fails with JournalError where the server would not make a commit durable or a pooler lends its
sessions out, and with the driver's OperationalError where it does not answer in time.

Durability is a setting of each session (`synchronous_commit`), and a server, a database or a role
may have switched it off.  So it is asked for when the session starts, and read back.

Locks, epochs and settings are those of a session.  A pooler may give a client another session for
each transaction; then two runs would hold one lock.  A pooler shows itself by the number of the
server's process, which it makes up.  That it lends sessions out is proven by two clients: they meet
in one session, or one client finds itself in another session than before.

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
_DURABLY = "synchronous_commit"
_READ_ONLY = "default_transaction_read_only"
_SET_IF_DIRECT = (
    "SELECT pg_backend_pid(), CASE WHEN pg_backend_pid() = %s THEN set_config(%s, 'on', false) END"
)
_SECOND_S = 5.0  # for which a pooler is waited for to give a second session
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
    where commits of a session that writes would not be durable, or the session is not its own."""
    url = make_url(place.url)
    given = {name: str(value) for name, value in url.translate_connect_args().items()}
    given["dbname"] = given.pop("database", "")
    given["user"] = given.pop("username", "")
    given = {name: value for name, value in given.items() if value}
    queried = {name: str(value) for name, value in url.query.items()}
    terms: dict[str, Any] = {**_TERMS, **given, **queried}
    session = Session.connect(**terms)
    try:
        session.autocommit = True  # a BEGIN and a COMMIT are round trips of their own
        _make_own(session, place, terms, _READ_ONLY if is_read_only else _DURABLY)
        if not is_read_only:
            refuse_forgetful(session, place)
        session.autocommit = False
    except BaseException:
        session.close()
        raise
    return session


def _make_own(session: Session, place: Place, terms: dict[str, Any], setting: str) -> None:
    """Switch a setting on for the session, which must be nobody else's.

    It is not among the options of its start, which poolers refuse.  Takes and leaves a session
    that commits each statement.
    """
    own = session.info.backend_pid
    found = session.execute(_SET_IF_DIRECT, (own, setting)).fetchone()
    assert found is not None
    if found[0] != own:
        session.autocommit = False
        _refuse_lent(session, place, terms)
        session.autocommit = True
        session.execute("SELECT set_config(%s, 'on', false)", (setting,))


def _refuse_lent(session: Session, place: Place, terms: dict[str, Any]) -> None:
    """Raises JournalError where the pooler gives sessions away between two transactions, or has
    but one."""
    try:
        before = _process_of(session)
    except psycopg.errors.ProtocolViolation:  # it does not even take a BEGIN
        raise _lent(place) from None
    with Session.connect(**terms) as other:
        other.patience_s = _SECOND_S
        try:
            others, after = _process_of(other), _process_of(session)
        except psycopg.OperationalError as error:
            raise JournalError(
                f"journal {place.shown}: the pooler before the server has no second session to"
                f" give: {error}",
                remedy="let it have four for each process of campaign (default_pool_size), or"
                " connect to the server itself",
            ) from None
    if others in (before, after) or before != after:
        raise _lent(place)


def _lent(place: Place) -> JournalError:
    return JournalError(
        f"journal {place.shown}: the pooler before the server gives its sessions to others between"
        " two transactions, and locks and epochs are those of a session",
        remedy="pool_mode = session for this database, or connect to the server itself",
    )


def _process_of(session: Session) -> int:
    """The server's process behind a session in this transaction."""
    found = session.execute("SELECT pg_backend_pid()").fetchone()
    session.commit()
    assert found is not None
    return int(found[0])


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
