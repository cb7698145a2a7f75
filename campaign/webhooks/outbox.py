"""What is still to be told, and up to where the journal was read: durable beside the journal.

In: notices, answers.  Out: what waits, how each endpoint stands.
Touches: a file beside a SQLite journal, tables of a PostgreSQL journal.
Fails with WebhookError.

The journal is the queue: of it so much is taken in at once as `WINDOW` allows, in one transaction
with the place from which reading goes on.  So an endpoint that is away for days costs no disk, and
whoever is killed at any moment loses nothing and tells little twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from campaign.database.stores import SmallStore, StoreKind, open_beside
from campaign.errors import WebhookError
from campaign.webhooks.notices import HookNotice

SUFFIX = ".webhooks"
WINDOW = 10_000  # notices of one endpoint that wait in the outbox; the others wait in the journal
LEASE_S = 15.0
_KIND = StoreKind("store of webhooks", "[journal]", "journal.sqlite.webhooks", WebhookError, 0x3B00)
_DOUBLE = "DOUBLE PRECISION NOT NULL DEFAULT 0"
_NUMBER = "BIGINT NOT NULL DEFAULT 0"
_TEXT = "TEXT NOT NULL DEFAULT ''"
_SERIAL = {False: "INTEGER PRIMARY KEY AUTOINCREMENT", True: "BIGSERIAL PRIMARY KEY"}
_TABLES = (
    "CREATE TABLE IF NOT EXISTS webhook_endpoints (endpoint TEXT PRIMARY KEY,"
    f" url {_TEXT}, plan_id {_TEXT}, change_seen {_NUMBER}, event_seen {_NUMBER},"
    f" left_seen {_DOUBLE}, failing_since {_DOUBLE}, failures {_NUMBER}, rests_until {_DOUBLE},"
    f" disabled_at {_DOUBLE}, said {_TEXT}, told {_NUMBER}, told_at {_DOUBLE}, tries {_NUMBER},"
    f" given_up {_NUMBER})",
    "CREATE TABLE IF NOT EXISTS webhook_notices (number {serial}, endpoint TEXT NOT NULL,"
    ' id TEXT NOT NULL, "row" BIGINT NOT NULL, kind TEXT NOT NULL,'
    f" at {_DOUBLE}, body {_TEXT}, tries {_NUMBER}, due {_DOUBLE}, first_try {_DOUBLE},"
    f" said {_TEXT}, given_up_at {_DOUBLE}, UNIQUE (endpoint, id))",
    "CREATE TABLE IF NOT EXISTS webhook_missing (endpoint TEXT NOT NULL, change BIGINT NOT NULL,"
    f" since {_DOUBLE}, PRIMARY KEY (endpoint, change))",
    # Those who left by a link are told of by a store that has no numbers.
    "CREATE TABLE IF NOT EXISTS webhook_left (endpoint TEXT NOT NULL, id TEXT NOT NULL,"
    f" at {_DOUBLE}, PRIMARY KEY (endpoint, id))",
    f"CREATE TABLE IF NOT EXISTS webhook_lease (one INTEGER PRIMARY KEY, holder {_TEXT},"
    f" until {_DOUBLE})",
)
_STANDING = (
    "endpoint, url, plan_id, change_seen, event_seen, left_seen, failing_since, failures,"
    " rests_until, disabled_at, said, told, told_at, tries, given_up"
)


class EndpointRow(NamedTuple):
    """How one endpoint stands."""

    endpoint: str
    url: str
    plan_id: str
    change_seen: int  # of history
    event_seen: int
    left_seen: float  # Unix time up to which those who left by a link were looked for
    failing_since: float  # Unix time of the first failure since it last took something; 0: well
    failures: int  # tries in a row that failed
    rests_until: float
    disabled_at: float  # Unix time; 0.0: it is told
    said: str  # why the last try failed
    told: int
    told_at: float  # Unix time of the last notice it took
    tries: int
    given_up: int  # notices that it refused for three days while it took others


class Waiting(NamedTuple):
    """A notice on its way to one endpoint."""

    number: int  # in their order
    id: str
    row: int
    kind: str
    body: str
    tries: int
    due: float  # Unix time
    first_try: float


def endpoint_of(url: str) -> str:
    """The lasting name of an endpoint."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


class Outbox(SmallStore):
    """See the module; one thread uses it."""

    @classmethod
    def open(cls, journal_url: str, folder: Path) -> Self:
        """That of a journal, made where there is none.  Raises WebhookError, ConfigError."""
        database = open_beside(journal_url, folder, SUFFIX, _KIND)
        with database.writing():
            for table in _TABLES:
                database.change(table.replace("{serial}", _SERIAL[database.is_postgresql]))
        return cls(database)

    # ---- endpoints

    def register(
        self, url: str, plan_id: str, change: int, event: int, now_s: float
    ) -> EndpointRow:
        """How an endpoint stands; one that is new, or belongs to another plan, is told what comes
        behind these numbers."""
        name = endpoint_of(url)
        with self._database.writing():
            found = self.standings(name)
            if found and found[0].plan_id == plan_id:
                return found[0]
            for table in ("endpoints", "missing", "left"):  # what waits is told all the same
                self._database.change(f"DELETE FROM webhook_{table} WHERE endpoint = ?", (name,))
            self._database.change(
                "INSERT INTO webhook_endpoints (endpoint, url, plan_id, change_seen, event_seen,"
                " left_seen) VALUES (?, ?, ?, ?, ?, ?)",
                (name, url, plan_id, change, event, now_s if change or event else 0.0),
            )
        return self.standings(name)[0]

    def standings(self, endpoint: str = "") -> list[EndpointRow]:
        """Of all, or of one."""
        where = " WHERE endpoint = ?" if endpoint else ""
        found = self._database.rows(
            f"SELECT {_STANDING} FROM webhook_endpoints{where} ORDER BY url",
            (endpoint,) if endpoint else (),
        )
        return [EndpointRow._make(each) for each in found]

    def waiting_count(self, endpoint: str) -> int:
        """Notices in the outbox that are not given up."""
        return int(
            self._database.rows(
                "SELECT count(*) FROM webhook_notices WHERE endpoint = ? AND given_up_at = 0",
                (endpoint,),
            )[0][0]
        )

    # ---- from the journal

    def take_in(
        self,
        endpoint: str,
        notices: Iterable[HookNotice],
        *,
        change: int | None = None,
        event: int | None = None,
        left: float | None = None,
        missing: Sequence[int] = (),
        found: Iterable[int] = (),
        now_s: float = 0.0,
    ) -> None:
        """Keep notices, and from where reading goes on; all or nothing.

        missing: numbers below `change` that may still come; found: those of them that came
        """
        database = self._database
        with database.writing():
            database.change_each(
                'INSERT INTO webhook_notices (endpoint, id, "row", kind, at, body)'
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (endpoint, id) DO NOTHING",
                [(endpoint, n.id, n.row, n.kind, n.at, n.body) for n in notices],
            )
            for name, value in (("change", change), ("event", event), ("left", left)):
                if value is not None:
                    database.change(
                        f"UPDATE webhook_endpoints SET {name}_seen = ? WHERE endpoint = ?",
                        (value, endpoint),
                    )
            if missing:
                database.change_each(
                    "INSERT INTO webhook_missing (endpoint, change, since) VALUES (?, ?, ?)"
                    " ON CONFLICT DO NOTHING",
                    [(endpoint, number, now_s) for number in missing],
                )
            if gone := list(found):
                database.change_each(
                    "DELETE FROM webhook_missing WHERE endpoint = ? AND change = ?",
                    [(endpoint, number) for number in gone],
                )

    def missing(self, endpoint: str) -> list[tuple[int, float]]:
        """Numbers of changes that were not there when those behind them were, and since when."""
        return [
            (int(change), float(since))
            for change, since in self._database.rows(
                "SELECT change, since FROM webhook_missing WHERE endpoint = ? ORDER BY change",
                (endpoint,),
            )
        ]

    def take_in_left(
        self, endpoint: str, notices: Sequence[HookNotice], seen_s: float, forget_s: float
    ) -> None:
        """Those who left by a link; each is taken in once, however often it is found."""
        database = self._database
        known = {
            str(found[0])
            for found in database.rows(
                "SELECT id FROM webhook_left WHERE endpoint = ?", (endpoint,)
            )
        }
        new = [notice for notice in notices if notice.id not in known]
        with database.writing():
            database.change_each(
                "INSERT INTO webhook_left (endpoint, id, at) VALUES (?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                [(endpoint, notice.id, notice.at) for notice in new],
            )
            database.change(
                "DELETE FROM webhook_left WHERE endpoint = ? AND at < ?", (endpoint, forget_s)
            )
        self.take_in(endpoint, new, left=seen_s)

    # ---- to the endpoint

    def waiting(self, endpoint: str) -> list[Waiting]:
        """All that wait, in their order."""
        found = self._database.rows(
            'SELECT number, id, "row", kind, body, tries, due, first_try FROM webhook_notices'
            " WHERE endpoint = ? AND given_up_at = 0 ORDER BY number",
            (endpoint,),
        )
        return [Waiting._make(each) for each in found]

    def told(self, endpoint: str, numbers: Sequence[int], now_s: float) -> None:
        """The endpoint took these."""
        database = self._database
        with database.writing():
            database.change_each(
                "DELETE FROM webhook_notices WHERE number = ?", [(number,) for number in numbers]
            )
            database.change(
                "UPDATE webhook_endpoints SET told = told + ?, tries = tries + ?, told_at = ?,"
                " failing_since = 0, failures = 0, rests_until = 0, said = '' WHERE endpoint = ?",
                (len(numbers), len(numbers), now_s, endpoint),
            )

    def refused(
        self, endpoint: str, number: int, said: str, due: float | None, now_s: float
    ) -> None:
        """The endpoint did not take one; `due` None: it is not tried again."""
        database = self._database
        with database.writing():
            database.change(
                "UPDATE webhook_notices SET tries = tries + 1, said = ?, due = ?, given_up_at = ?,"
                " first_try = CASE WHEN first_try = 0 THEN ? ELSE first_try END WHERE number = ?",
                (said, due or 0.0, 0.0 if due is not None else now_s, now_s, number),
            )
            database.change(
                "UPDATE webhook_endpoints SET tries = tries + 1, failures = failures + 1, said = ?,"
                " given_up = given_up + ?,"
                " failing_since = CASE WHEN failing_since = 0 THEN ? ELSE failing_since END"
                " WHERE endpoint = ?",
                (said, 0 if due is not None else 1, now_s, endpoint),
            )

    def rest(self, endpoint: str, until_s: float) -> None:
        """It is not asked before that Unix time."""
        self._database.change(
            "UPDATE webhook_endpoints SET rests_until = ? WHERE endpoint = ?", (until_s, endpoint)
        )

    def recovered(self, endpoint: str) -> None:
        """It takes notices again: whatever waited for that goes now."""
        self._database.change(
            "UPDATE webhook_notices SET due = 0 WHERE endpoint = ? AND given_up_at = 0", (endpoint,)
        )

    def disable(self, endpoint: str, said: str, now_s: float) -> None:
        """It is told nothing more until `enable`; the journal is kept from here on."""
        self._database.change(
            "UPDATE webhook_endpoints SET disabled_at = ?, said = ? WHERE endpoint = ?",
            (now_s, said, endpoint),
        )

    def enable(self, endpoint: str) -> None:
        """Everything that waits, what was given up among it, is due at once."""
        with self._database.writing():
            self._database.change(
                "UPDATE webhook_endpoints SET disabled_at = 0, failing_since = 0, failures = 0,"
                " rests_until = 0, given_up = 0 WHERE endpoint = ?",
                (endpoint,),
            )
            self._database.change(
                "UPDATE webhook_notices SET due = 0, tries = 0, first_try = 0, given_up_at = 0"
                " WHERE endpoint = ?",
                (endpoint,),
            )

    # ---- one who tells

    def hold(self, holder: str, now_s: float) -> bool:
        """Whether this process is the one that tells, for `LEASE_S` from now."""
        database = self._database
        with database.writing():
            database.change("INSERT INTO webhook_lease (one) VALUES (1) ON CONFLICT DO NOTHING")
            return bool(
                database.change(
                    "UPDATE webhook_lease SET holder = ?, until = ?"
                    " WHERE one = 1 AND (holder = ? OR until < ?)",
                    (holder, now_s + LEASE_S, holder, now_s),
                )
            )

    def let_go(self, holder: str) -> None:
        """Another may tell at once."""
        self._database.change(
            "UPDATE webhook_lease SET holder = '', until = 0 WHERE holder = ?", (holder,)
        )
