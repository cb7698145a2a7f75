"""The campaigns whose letters may come back.

In: campaigns.  Out: `Mailing`s: each with its letters, its tokens, its list.
Touches: journals and configs, for reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from campaign.addresses.tokens import UnsubscribeTokens
from campaign.config.loader import Campaign, load
from campaign.errors import NoPlanError, UsageError
from campaign.journal.reading.reader import Reader
from campaign.journal.reading.returned.letters import LetterBook
from campaign.planning.inputs import unsubscribe_tokens


@dataclass(frozen=True)
class Mailing:
    """One campaign whose plan is made.

    unsubscribe_to: the address of `[unsubscribe] mailto`, in small letters
    is_signed: each letter has an envelope sender of its own, which a bounce must bring back
    """

    campaign: Campaign
    reader: Reader
    letters: LetterBook
    tokens: UnsubscribeTokens | None
    list_: str
    unsubscribe_to: str
    is_signed: bool

    @property
    def name(self) -> str:
        return self.campaign.settings.name

    @property
    def plan_id(self) -> str:
        return self.letters.plan.plan_id


def find_campaigns(paths: Iterable[Path]) -> list[Path]:
    """Each path, or where it is a folder of campaigns those in it; raises UsageError for none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir() and not (path / "campaign.toml").exists():
            inside = sorted(each.parent for each in path.glob("*/campaign.toml"))
            if not inside:
                raise UsageError(
                    f"there is no campaign in {path}", remedy="name a campaign.toml or its folder"
                )
            found += inside
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def open_mailings(paths: Sequence[Path]) -> list[Mailing]:
    """Of several campaigns those are left out that have no plan yet; one alone must have one."""
    mailings = []
    for path in paths:
        campaign = load(path)
        try:
            reader = Reader.open(*campaign.journal)
            letters = LetterBook(reader)
        except NoPlanError:
            if len(paths) == 1:
                raise
            continue
        settings = campaign.settings
        unsubscribe = settings.unsubscribe
        mailings.append(
            Mailing(
                campaign,
                reader,
                letters,
                unsubscribe_tokens(campaign),
                unsubscribe.list if unsubscribe else "*",
                unsubscribe.mailto.lower() if unsubscribe else "",
                bool(settings.bounces.envelope_from),
            )
        )
    if not mailings:
        raise NoPlanError("none of these campaigns has a plan", remedy="`campaign plan` makes one")
    return mailings


def close_mailings(mailings: Iterable[Mailing]) -> None:
    for mailing in mailings:
        mailing.reader.close()
