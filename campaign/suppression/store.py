"""The store of a sender's suppressed addresses.

In: entries, soft bounces, questions.  Out: who must not be written to, and why.
Touches: the store's database, its key file.

Everything raises SuppressionError when the store cannot be used: to go on without it would be to
write to people who asked not to be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Self

from campaign.addresses.tokens import key_digest
from campaign.clock import Clock
from campaign.database.stores import Database, Row, SmallStore
from campaign.records import SoftPolicy
from campaign.suppression import statements
from campaign.suppression.bulk import load_sorted
from campaign.suppression.database import open_database
from campaign.suppression.entries import (
    EVERYWHERE,
    EVIDENCE_MAX,
    Added,
    Knowledge,
    Reason,
    SoftBounce,
    Suppressed,
)
from campaign.suppression.erasure import PREFIX as ERASED
from campaign.suppression.erasure import ErasureKeys, version_of
from campaign.suppression.inbox import ProviderInbox
from campaign.suppression.soft import SoftRuns

_DIGESTED = "sha256:"  # as `key_digest` begins
_DIGESTED_BYTES = 31  # a token has room for keys up to here, whatever the list is called
_ASKED_AT_ONCE = 500  # keys of one query; SQLite takes 999 values in old versions
_PAGE = 5000  # rows read at once: in between, others can write
_MANY = 10_000  # entries in memory at once
_FEW = 2000  # entries that are not worth sorting first
_SEPARATOR = "\x1f"


class SuppressionStore(SmallStore):
    """`with SuppressionStore.open(url, folder, clock) as store:`; see `campaign.suppression`."""

    def __init__(
        self, database: Database, clock: Clock, soft: SoftPolicy | None, keep_s: float | None
    ) -> None:
        super().__init__(database)
        self._clock = clock
        self._keep_s = keep_s
        self._softs = SoftRuns(database, soft)
        self._erasure = ErasureKeys(database.key_file)
        self.inbox = ProviderInbox(database)  # what providers posted
        # A server that is asked by two at once would make the same table twice.
        with database.writing() if database.is_postgresql else nullcontext():
            for table in statements.TABLES:
                database.change(table + ("" if database.is_postgresql else statements.SQLITE_END))

    @classmethod
    def open(
        cls,
        url: str,
        folder: Path,
        clock: Clock,
        *,
        soft: SoftPolicy | None = None,
        keep_s: float | None = None,
    ) -> Self:
        """A store that is not there is made.  Relative paths start at `folder`.

        soft: when soft bounces suppress; None: never
        keep_s: how long hard and soft bounces count; None: for good
        """
        return cls(open_database(url, folder), clock, soft, keep_s)

    # -- questions -----------------------------------------------------------------------------

    def lookup(self, keys: Sequence[str], scopes: Collection[str]) -> dict[str, Suppressed]:
        """Of those keys that must not be written to in these scopes, the gravest entry."""
        now_s = self._clock.now_s()
        found: dict[str, Suppressed] = {}
        for key, entry in self._entries(keys):
            if entry.scope in scopes and entry.is_in_force(now_s):
                known = found.get(key)
                if known is None or entry.reason.rank > known.reason.rank:
                    found[key] = entry
        return found

    def why(self, key: str) -> Knowledge:
        """All that is known of an address, with what has ended."""
        entries = [entry for _, entry in self._entries([key])]
        entries.sort(key=lambda entry: entry.reason.rank, reverse=True)
        return Knowledge(entries, self._softs.of(key))

    def is_empty(self) -> bool:
        """Whether nobody at all is in it, neither by an entry nor by a soft bounce."""
        return not self._database.rows(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM suppression)"
            " OR EXISTS (SELECT 1 FROM suppression_soft)"
        )

    def with_softs(self, keys: Sequence[str]) -> set[str]:
        """Those that have soft bounces to be forgotten once a letter is accepted."""
        return self._softs.among(keys)

    def iterate(self, scope: str = "", reason: Reason | None = None) -> Iterator[Suppressed]:
        """All entries in the order of keys, those too that have ended."""
        last = ("", "")
        while True:
            page = self._database.rows(
                f"SELECT {statements.COLUMNS} FROM suppression WHERE (key, scope) > (?, ?)"
                f" ORDER BY key, scope LIMIT {_PAGE}",
                last,
            )
            for row in page:
                entry = _entry(row)
                if (not scope or entry.scope == scope) and reason in (None, entry.reason):
                    yield entry
            if len(page) < _PAGE:
                return
            last = page[-1][:2]

    def left_since(self, campaigns: Sequence[str], at_s: float) -> list[Suppressed]:
        """Who left one of these campaigns by the link in a letter since a Unix time, in order."""
        signs = ", ".join("?" * len(campaigns))
        found = self._database.rows(
            f"SELECT {statements.COLUMNS} FROM suppression WHERE at >= ? AND reason = ?"
            f" AND source = 'serve' AND campaign IN ({signs}) ORDER BY at",
            (at_s, str(Reason.UNSUBSCRIBE), *campaigns),
        )
        return [_entry(row) for row in found]

    # -- changes -------------------------------------------------------------------------------

    def add(self, entries: Iterable[Suppressed]) -> Added:
        """Take entries in; what was there stays unless it is lighter, or has ended."""
        rows = sorted((self._row(entry) for entry in entries), key=itemgetter(0, 1))
        if not rows:
            return Added()
        given = len(rows)
        erased = self._erased_among([row[0] for row in rows])
        rows = [row for row in rows if row[0] not in erased]
        with self._database.writing():
            new = self._database.change_each(statements.INSERT, rows) if rows else 0
            graver = 0
            if new < len(rows):
                sql = statements.replacing(self._clock.now_s())
                graver = self._database.change_each(sql, rows)
        return Added(new, graver, len(rows) - new - graver, given - len(rows))

    def load(self, entries: Iterable[Suppressed]) -> Added:
        """As `add`, for millions: they are sorted on the disk, and taken in part by part."""
        entries = iter(entries)
        first = list(islice(entries, _FEW))
        if len(first) < _FEW:
            return self.add(first)
        given = kept = 0

        def parts() -> Iterator[list[Suppressed]]:
            nonlocal given, kept
            part = first
            while part:
                erased = self._erased_among([entry.key for entry in part])
                given += len(part)
                if erased:
                    part = [entry for entry in part if entry.key not in erased]
                kept += len(part)
                yield part
                part = list(islice(entries, _MANY))

        added = load_sorted(self._database, parts(), self._until, self._clock.now_s())
        return added._replace(erased=given - kept)

    def remove(self, key: str, scope: str, because: str) -> list[Suppressed]:
        """End what is in force; an empty scope means all scopes.  What it was comes back.

        The entry stays, with its end: what happened before and is told late changes nothing.
        """
        now_s = self._clock.now_s()
        with self._database.writing():
            ended = [
                entry
                for _, entry in self._entries([key])
                if scope in ("", entry.scope) and entry.is_in_force(now_s)
            ]
            for entry in ended:
                self._end(entry, now_s, f"removed: {because}" if because else "removed")
            self._softs.forget([key])
        return ended

    def undo(self, key: str, scope: str, campaign: str | None = None) -> bool:
        """Take an unsubscribe of the last 30 days back, by the wish of the same person.

        campaign: whose letter it must have been about; None: any
        What it took the place of, such as a hard bounce, is in force again.  False: there is no
        such unsubscribe.
        """
        now_s = self._clock.now_s()
        with self._database.writing():
            for _, entry in self._entries([key]):
                if entry.scope == scope and entry.can_be_undone(now_s, campaign):
                    self._end(entry, now_s, "undone by the person", restores=True)
                    return True
        return False

    def erase(self, key: str) -> bool:
        """Forget an address: what stays is a digest under a key of ours, which blocks it for good.

        False: nothing but that digest was known of it.
        """
        form = self._erasure.newest_form(key)
        row = (form, EVERYWHERE, Reason.ERASURE, "erase", "", self._clock.now_s(), None, "")
        with self._database.writing():
            gone = [
                self._database.change(f"DELETE FROM {table} WHERE key = ?", (each,))
                for each in (key, key_digest(key))
                for table in ("suppression", "suppression_soft", "suppression_ended")
            ]
            self.inbox.erase(key)
            self._database.change(statements.INSERT, row)
        return any(gone)

    def soft(self, bounces: Iterable[SoftBounce]) -> Added:
        """Note soft bounces, one an address and campaign; those with too many are suppressed."""
        bounces = list(bounces)
        erased = self._erased_among([bounce.key for bounce in bounces])
        full = self._softs.add([bounce for bounce in bounces if bounce.key not in erased])
        return self.add(
            Suppressed(
                bounce.key, EVERYWHERE, Reason.SOFT, "soft bounces", bounce.campaign, bounce.at,
                evidence=bounce.evidence,
            )
            for bounce in full
        )  # fmt: skip

    def try_writing(self) -> None:
        """Raises SuppressionError where nothing could be written now; changes nothing."""
        with self._database.writing():
            pass

    def accepted(self, keys: Iterable[str], campaign: str) -> None:
        """A letter of the campaign to them was accepted: their soft bounces count no more, unless
        that letter bounces softly itself."""
        if known := self._softs.among(list(keys)):
            with self._database.writing():
                self._softs.end(known, campaign)

    # -- inside --------------------------------------------------------------------------------

    def _row(self, entry: Suppressed) -> Row:
        key, scope, reason, source, campaign, at, _, evidence = entry
        until = self._until(entry)
        return (key, scope, str(reason), source, campaign, at, until, evidence[:EVIDENCE_MAX])

    def _until(self, entry: Suppressed) -> float | None:
        """Its end, by [suppression] keep where it has none itself."""
        if entry.until is not None or self._keep_s is None:
            return entry.until
        return entry.at + self._keep_s if entry.reason in (Reason.HARD, Reason.SOFT) else None

    def _end(self, entry: Suppressed, now_s: float, why: str, *, restores: bool = False) -> None:
        ended = entry._replace(
            until=now_s, evidence="; ".join(filter(None, (entry.evidence, why)))[:EVIDENCE_MAX]
        )
        if restores and (earlier := self._earlier(entry)):
            ended = earlier
        self._database.change(
            "UPDATE suppression SET reason = ?, source = ?, campaign = ?, at = ?, until = ?,"
            " evidence = ?, earlier = '' WHERE key = ? AND scope = ?",
            (*map(_plain, ended[2:]), entry.key, entry.scope),
        )

    def _earlier(self, entry: Suppressed) -> Suppressed | None:
        """What it took the place of, if that were in force now."""
        ((text,),) = self._database.rows(
            "SELECT earlier FROM suppression WHERE key = ? AND scope = ?", (entry.key, entry.scope)
        )
        if not text:
            return None
        reason, source, campaign, at, until, evidence = text.split(_SEPARATOR, 5)
        earlier = Suppressed(
            entry.key, entry.scope, Reason(reason), source, campaign, float(at),
            float(until) if until else None, evidence,
        )  # fmt: skip
        return earlier if earlier.is_in_force(self._clock.now_s()) else None

    def _entries(self, keys: Sequence[str]) -> Iterator[tuple[str, Suppressed]]:
        """Each entry, behind the key that was asked for."""
        asked = self._forms(keys)
        forms = list(asked) if asked else list(keys)
        for at in range(0, len(forms), _ASKED_AT_ONCE):
            part = forms[at : at + _ASKED_AT_ONCE]
            sql = f"SELECT {statements.COLUMNS} FROM suppression WHERE key IN ({_signs(part)})"
            for row in self._database.rows(sql, part):
                key = str(row[0])
                yield asked.get(key, key), _entry(row)

    def _forms(self, keys: Sequence[str]) -> dict[str, str]:
        """What a key may be kept as -> the key; empty where all are kept as they are."""
        has_digests, versions = self._forms_there_are()
        if not has_digests and not versions:
            return {}
        asked = {key: key for key in keys}
        for key in keys:
            if has_digests and len(key.encode()) > _DIGESTED_BYTES:
                asked[key_digest(key)] = key
            if versions:
                asked.update(dict.fromkeys(self._erasure.forms(key), key))
        return asked

    def _forms_there_are(self) -> tuple[bool, set[str]]:
        """Whether any key is kept as a digest, and the versions of keys of erased people."""
        digested = self._first(_DIGESTED, _DIGESTED)
        versions: set[str] = set()
        form = self._first(ERASED, ERASED)
        while form:  # to the first of each version: there may be millions of one
            version = version_of(form)
            versions.add(version)
            form = self._first(f"{ERASED}{version};", ERASED)
        if versions:
            self._erasure.refuse_unknown(versions)
        return bool(digested), versions

    def _first(self, after: str, prefix: str) -> str | None:
        """The first key behind `after` that begins with the prefix."""
        ((key,),) = self._database.rows(
            "SELECT min(key) FROM suppression WHERE key > ? AND key < ?", (after, f"{prefix}~")
        )
        return str(key) if key else None

    def _erased_among(self, keys: Sequence[str]) -> set[str]:
        if not self._forms_there_are()[1]:
            return set()
        return {
            key
            for key, entry in self._entries(keys)
            if key != entry.key and entry.key.startswith(ERASED)
        }


def _entry(row: Row) -> Suppressed:
    return Suppressed(row[0], row[1], Reason(row[2]), *row[3:])


def _plain(value: object) -> object:
    return str(value) if isinstance(value, str) else value


def _signs(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
