"""Soft bounces in a row: mailboxes that are there, and take nothing.

In: soft bounces, keys of accepted letters.  Out: those that are too many by the policy.
Touches: the store's database.

A bounce is noted once for each campaign and moment, however often it is told.  An accepted letter
ends the row, unless it bounces later: a relay accepts what the mailbox behind it does not take.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from campaign.database.stores import Database
from campaign.records import SoftPolicy
from campaign.suppression.entries import EVIDENCE_MAX, SoftBounce

_ASKED_AT_ONCE = 500


class SoftRuns:
    """Those of all addresses; without a policy nothing is noted."""

    def __init__(self, database: Database, policy: SoftPolicy | None) -> None:
        self._database = database
        self._policy = policy

    def add(self, bounces: Sequence[SoftBounce]) -> list[SoftBounce]:
        """Durable when it returns; the bounces with which an address had too many come back."""
        policy = self._policy
        if policy is None or not bounces:
            return []
        rows = [bounce._replace(evidence=bounce.evidence[:EVIDENCE_MAX]) for bounce in bounces]
        with self._database.writing():
            self._database.change_each(
                "INSERT INTO suppression_soft (key, campaign, at, evidence) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                sorted(rows),
            )
            self._take_back([(row.key, row.campaign) for row in rows])
            self._database.change_each(
                "DELETE FROM suppression_soft WHERE key = ? AND at < ?",
                [(row.key, row.at - policy.within_s) for row in rows],
            )
            self._database.change_each(
                "DELETE FROM suppression_ended WHERE key = ? AND at < ?",
                [(row.key, row.at - policy.within_s) for row in rows],
            )
        return [bounce for bounce in rows if _is_too_many(self.of(bounce.key), policy)]

    def of(self, key: str) -> list[SoftBounce]:
        """Since the last accepted letter, oldest first."""
        found = self._database.rows(
            "SELECT key, campaign, at, evidence FROM suppression_soft WHERE key = ? ORDER BY at",
            (key,),
        )
        return [SoftBounce(*row) for row in found]

    def among(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have any."""
        if not keys or not self._database.rows("SELECT 1 FROM suppression_soft LIMIT 1"):
            return set()
        found: set[str] = set()
        for at in range(0, len(keys), _ASKED_AT_ONCE):
            part = keys[at : at + _ASKED_AT_ONCE]
            signs = ", ".join("?" * len(part))
            sql = f"SELECT DISTINCT key FROM suppression_soft WHERE key IN ({signs})"
            found.update(key for (key,) in self._database.rows(sql, part))
        return found

    def end(self, keys: Collection[str], campaign: str) -> None:
        """By an accepted letter of the campaign; within a transaction of the caller."""
        change = self._database.change_each
        change(
            "INSERT INTO suppression_ended (key, campaign, at, evidence, ended_by)"
            " SELECT key, campaign, at, evidence, ? FROM suppression_soft WHERE key = ?"
            " ON CONFLICT DO NOTHING",
            [(campaign, key) for key in sorted(keys)],
        )
        change("DELETE FROM suppression_soft WHERE key = ?", [(key,) for key in sorted(keys)])

    def _take_back(self, bounced: Sequence[tuple[str, str]]) -> None:
        """The letters of these campaigns bounced, so that they ended nothing."""
        change = self._database.change_each
        change(
            "INSERT INTO suppression_soft (key, campaign, at, evidence)"
            " SELECT key, campaign, at, evidence FROM suppression_ended"
            " WHERE key = ? AND ended_by = ? ON CONFLICT DO NOTHING",
            sorted(bounced),
        )
        change("DELETE FROM suppression_ended WHERE key = ? AND ended_by = ?", sorted(bounced))

    def forget(self, keys: Collection[str]) -> None:
        """For good; within a transaction of the caller."""
        for table in ("suppression_soft", "suppression_ended"):
            self._database.change_each(
                f"DELETE FROM {table} WHERE key = ?", [(key,) for key in sorted(keys)]
            )


def _is_too_many(bounces: Sequence[SoftBounce], policy: SoftPolicy) -> bool:
    campaigns = {bounce.campaign for bounce in bounces}
    is_row = 0 < policy.in_a_row <= len(bounces)
    return is_row or 0 < policy.campaigns <= len(campaigns)
