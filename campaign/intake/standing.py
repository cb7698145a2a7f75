"""What became of a letter that was accepted.

In: its id.  Out: `LetterStanding`.  Touches: the arrivals and the journal, for reading.
"""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

from campaign.addresses.marks import LetterMarker
from campaign.clock import iso
from campaign.config.loader import Campaign
from campaign.journal.arrivals import Arrivals
from campaign.journal.reading.reader import Reader
from campaign.journal.states import SUPPRESSED, is_suppressed


class LetterStanding(NamedTuple):
    """As the API tells it; moments are RFC 3339, "" for never."""

    id: str
    scope: str
    message_id: str
    to: str
    template: str
    state: str
    reason: str
    attempts: int
    code: int
    reply: str
    accepted_at: str
    sent_at: str
    updated_at: str
    expires_at: str


def find_letter(campaign: Campaign, arrivals: Arrivals, id_: str) -> LetterStanding | None:
    """None where there is no such letter, or it was forgotten since (`keep` of [intake])."""
    arrival = arrivals.find(id_)
    if arrival is None:
        return None
    letter = arrival.letter
    with closing(Reader.open(*campaign.journal)) as reader:
        record = reader.plan_record()
        marker = LetterMarker(record.key, record.campaign, record.message_id_domain)
        found = reader.how_it_stands(arrival.number)
    state, reason = (SUPPRESSED, letter.reason) if letter.reason else ("accepted", "")
    attempts, code, reply, sent_s, updated_s = 0, 0, "", 0.0, 0.0
    if found and not letter.reason:
        state, reason, attempts, code, reply, sent_s, updated_s = found
        if is_suppressed(state, reason):  # after it was accepted
            state = SUPPRESSED
    return LetterStanding(
        id_,
        letter.scope,
        letter.message_id or marker.marks(arrival.letter_key).message_id,
        letter.address,
        letter.template,
        state,
        reason,
        attempts,
        code,
        reply,
        iso(letter.accepted_s),
        iso(sent_s) if sent_s else "",
        iso(updated_s) if updated_s else "",
        iso(letter.expires_s),
    )
