"""Whose letter it is about.

In: what a mail says, the campaigns.  Out: `Hit`s.  Touches: journals, for reading.

Believed in this order: a signed envelope sender (VERP), our Message-ID wherever it stands, the
unsubscribe token of the returned letter, the recipient's field with the time, an address in prose.
The first three nobody can make up who has not seen the letter.  The others are only heard where no
letter has a signed sender, where the returned letter is not somebody else's, and where a letter was
accepted for that address within two weeks: a mail costs nothing, and must not suppress a stranger.
What a provider told is known to be from that provider; there an address is heard in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from campaign.addresses.syntax import AddressError, parse_address
from campaign.addresses.tokens import campaign_digest, key_digest, read_verp_token
from campaign.feedback.mailings import Mailing
from campaign.feedback.parsing.meaning import Weight, class_of, weight_of
from campaign.feedback.parsing.notices import Clues, Notice
from campaign.journal.reading.returned.letters import SentLetter

_WITHIN_S = 14 * 86400.0
_CLOCKS_DIFFER_S = 3600.0


class How(StrEnum):
    """What told whose letter it is."""

    VERP = "envelope sender"
    MESSAGE_ID = "Message-ID"
    TOKEN = "unsubscribe token"
    ADDRESS = "address and time"
    PROSE = "address in the text"
    PROVIDER = "address told by the provider"


class Hit(NamedTuple):
    """A letter, and what is said of it."""

    mailing: Mailing
    letter: SentLetter
    how: How
    notice: Notice


def find(
    clues: Clues,
    notices: Sequence[Notice],
    at: float,
    mailings: Sequence[Mailing],
    *,
    of_provider: bool = False,
) -> list[Hit]:
    """None where no letter of these campaigns is meant."""
    if known := letter_of(clues, notices, mailings):
        mailing, letter, how = known
        return [Hit(mailing, letter, how, each) for each in _about(letter, notices)]
    if clues.foreign_id:
        return []
    found = (_by_address(notice, at, mailings, of_provider) for notice in notices)
    return [hit for hit in found if hit]


def letter_of(
    clues: Clues, notices: Sequence[Notice], mailings: Sequence[Mailing]
) -> tuple[Mailing, SentLetter, How] | None:
    """By what is signed."""
    by_plan = {mailing.plan_id: mailing for mailing in mailings}
    keys = {plan_id: mailing.letters.plan.key for plan_id, mailing in by_plan.items()}
    if clues.senders and (sender := read_verp_token(keys, clues.senders)):
        mailing = by_plan[sender.plan_id]
        if letter := mailing.letters.letter(sender.row):
            return mailing, letter, How.VERP
    for spec in clues.message_ids:
        for mailing in mailings:
            if letter := mailing.letters.by_message_id(spec):
                return mailing, letter, How.MESSAGE_ID
    return _by_token(clues, notices, mailings)


def _by_token(
    clues: Clues, notices: Sequence[Notice], mailings: Sequence[Mailing]
) -> tuple[Mailing, SentLetter, How] | None:
    for mailing in mailings:
        told = mailing.tokens.read(clues.unsubscribe) if mailing.tokens else None
        if told is None or told.campaign not in (mailing.name, campaign_digest(mailing.name)):
            continue
        keys = [told.key]
        if told.key.startswith("sha256:"):
            named = [key for notice in notices for key in _keys(notice)]
            keys = [key for key in named if key_digest(key) == told.key]
        for key in keys:
            for letter in mailing.letters.by_key(key):
                return mailing, letter, How.TOKEN
    return None


def _about(letter: SentLetter, notices: Sequence[Notice]) -> Sequence[Notice]:
    """Of a mail about several addresses what is said of the letter's own.

    Where it names only others, the letter was forwarded to them: what harms least is believed.
    """
    if len(notices) < 2:
        return notices
    own = [notice for notice in notices if letter.key in _keys(notice)]
    return own[:1] or [max(notices, key=_harmlessness)]


def _harmlessness(notice: Notice) -> int:
    order = (Weight.HARD, Weight.SOFT, Weight.MESSAGE, Weight.SENDER, Weight.WAY)
    return order.index(weight_of(class_of(notice))) + 10 * (notice.kind != "bounced")


def _by_address(
    notice: Notice, at: float, mailings: Sequence[Mailing], of_provider: bool
) -> Hit | None:
    best: Hit | None = None
    how = How.ADDRESS if notice.is_field else How.PROSE
    if of_provider:
        how = How.PROVIDER
    for mailing in mailings:
        if mailing.is_signed and not of_provider:
            continue
        for key in _keys(notice):
            for letter in mailing.letters.by_key(key):
                since_s = at - letter.sent_at
                if not letter.sent_at or not -_CLOCKS_DIFFER_S <= since_s <= _WITHIN_S:
                    continue
                if best is None or letter.sent_at > best.letter.sent_at:
                    best = Hit(mailing, letter, how, notice)
    return best


def _keys(notice: Notice) -> list[str]:
    keys = []
    for text in (notice.original, notice.address):
        try:
            if text:
                keys.append(parse_address(text).key)
        except AddressError:
            continue
    return list(dict.fromkeys(keys))
