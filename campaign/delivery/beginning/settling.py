"""Doubt settled by a relay's records: accepted, not taken, or still in doubt.

In: a log or a list of Message-IDs, the journal.  Out: changes in the journal, and a sentence.
Touches: one file, the journal, before a run begins.

That a log shows a message proves that it was accepted.  That a log does not show it proves that it
was not, but only where the log would have it: it begins before the dot was permitted and ends ten
minutes after, when a server may no longer accept it (RFC 5321, 4.5.3.2.6); no lines were left out;
and every message that the same relay is known to have accepted about then is in it, so that it is
the log of that relay, and of the whole of it.  Those messages also tell how far its clock, or its
zone, is off.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from statistics import median

from campaign.clock import iso
from campaign.config.loader import Campaign
from campaign.delivery.beginning.evidence import RelayLog, read_log
from campaign.journal.reading.doubt import Accepted, accepted_about, sendings_in_doubt
from campaign.journal.reading.reader import Reader
from campaign.journal.reading.results import message_ids
from campaign.journal.recovery import Doubt
from campaign.journal.store import Journal

_BEFORE_S = 60.0  # that a log must begin before a dot was permitted
_AFTER_S = 600.0  # that it must go on after it
_SHOWN = 5  # recipients named


def settle_by(path: Path, campaign: Campaign, journal: Journal, now_s: float) -> str:
    """Settle recipients in doubt by a relay's records; what came of it, in a sentence.

    Raises DataError where the file has nothing to say, JournalError.
    """
    with closing(Reader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        id_of = message_ids(reader.plan_record())
        doubts = reader.in_doubt()
        sendings = sendings_in_doubt(reader)
        span = [at for each in sendings.values() for at, _ in each]
        known = accepted_about(reader, min(span, default=0.0), max(span, default=0.0))
    wanted = {doubt.own_id or id_of(doubt.letter_key) for doubt in doubts}
    log = read_log(path, wanted | {id_of(each.letter_key) for each in known}, now_s)
    shown = {name: log.accepted[name] for name in wanted & log.accepted.keys()}
    settled = {doubt.row for doubt in journal.resolve(shown, now_s)}
    rest = [doubt for doubt in doubts if doubt.row not in settled]
    relays = _whole_relays(log, {id_of(each.letter_key): each for each in known})
    proof = f"{path.name} covers the time and does not show it"
    proven = {
        doubt.row: proof for doubt in rest if _would_show(log, sendings.get(doubt.row, []), relays)
    }
    journal.settle_as_not_taken(proven, now_s)
    left = [doubt for doubt in rest if doubt.row not in proven]
    return _sentence(path.name, len(doubts), len(settled), len(proven), left, log)


def _whole_relays(log: RelayLog, known: dict[str, Accepted]) -> dict[str, float]:
    """The relays whose log this is, and how far its clock is ahead of the journal's."""
    if not (log.is_whole and log.first_s):
        return {}
    ahead: dict[str, list[float]] = {}
    for name, each in known.items():
        if name in log.accepted_at:
            ahead.setdefault(each.relay, []).append(log.accepted_at[name] - each.at_s)
    offsets = {relay: median(each) for relay, each in ahead.items()}
    for name, each in known.items():
        offset = offsets.get(each.relay, 0.0)
        is_in_time = log.first_s + _BEFORE_S < each.at_s + offset < log.last_s - _BEFORE_S
        if is_in_time and name not in log.accepted:
            offsets.pop(each.relay, None)  # another machine behind the same name has taken it
    return offsets


def _would_show(
    log: RelayLog, sendings: Iterable[tuple[float, str]], relays: dict[str, float]
) -> bool:
    """Whether a message would be in the log if one of its dots had been accepted."""
    sendings = list(sendings)
    return bool(sendings) and all(
        relay in relays
        and log.first_s <= at_s + relays[relay] - _BEFORE_S
        and at_s + relays[relay] + _AFTER_S <= log.last_s
        for at_s, relay in sendings
    )


def _sentence(
    name: str, count: int, accepted: int, not_taken: int, left: list[Doubt], log: RelayLog
) -> str:
    said = f"{name} shows {accepted} of {count} recipients in doubt as accepted"
    if not_taken:
        said += f", and that {not_taken} {'was' if not_taken == 1 else 'were'} not taken"
    if not left:
        return said
    who = ", ".join(doubt.address for doubt in left[:_SHOWN])
    more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
    said += f"; {len(left)} stay in doubt ({who}{more})"
    if log.first_s:
        return f"{said}: the log has {iso(log.first_s)} to {iso(log.last_s)}, and does not prove it"
    return f"{said}: only a log that covers the time can prove that a message was not taken"
