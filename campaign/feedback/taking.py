"""What came back, into the journals and the suppression store.

In: mails, or what a provider told.  Out: what became of each, and counts.
Touches: the events of journals, suppression stores.

Killed at any instant and run again, it comes to the same: an event is known by a digest of the mail
that told it, an entry of the store by its address.  Soft bounces are noted before their events, and
only of events that are new: the store knows a soft bounce by its moment, and a mailbox that is read
a second time must not bring back what an accepted letter has ended since.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from campaign.addresses.syntax import AddressError, parse_address
from campaign.clock import Clock
from campaign.feedback.day_notes import note_events
from campaign.feedback.identity import Hit, How, find, letter_of
from campaign.feedback.mailings import Mailing
from campaign.feedback.parsing.meaning import Weight, class_of, weight_of
from campaign.feedback.parsing.notices import EVIDENCE_MAX, Notice, Returned, Sort
from campaign.journal.reading.returned.events import known_digests
from campaign.journal.reading.returned.letters import SentLetter
from campaign.journal.writing.events import add_events
from campaign.outcomes import Event
from campaign.planning.suppressed import open_store
from campaign.suppression.entries import EVERYWHERE, Reason, SoftBounce, Suppressed
from campaign.suppression.store import SuppressionStore

_SOURCE = "bounces"  # of what came by mail; a provider is named itself
_OF_MACHINES = (Sort.BOUNCE, Sort.COMPLAINT, Sort.REPORT, Sort.RECEIPT, Sort.PROVIDER)
_LATE_S = 90 * 86400.0  # a Date further from the sending is not believed


class ReadMail(NamedTuple):
    """One mail, or one event of a provider, with where it stood."""

    where: str
    returned: Returned


class MailOutcome(NamedTuple):
    """What a mail came to, of one of those it is about.

    what: the kind of the event, or "not ours", or the sort of the mail
    """

    where: str
    what: str
    address: str = ""
    campaign: str = ""
    class_: str = ""
    how: str = ""
    why: str = ""
    subject: str = ""


@dataclass
class TakenIn:
    """Counts of a whole reading."""

    mails: int = 0
    new_events: int = 0
    known_events: int = 0
    suppressed: int = 0  # entries of the store that are new, or graver than before
    rewritten: int = 0  # bounces whose signed envelope sender did not come back
    what: Counter[str] = field(default_factory=Counter)
    weights: Counter[str] = field(default_factory=Counter)
    how: Counter[str] = field(default_factory=Counter)

    def note(self, outcome: MailOutcome) -> None:
        self.what[outcome.what] += 1
        if outcome.what == "bounced":
            self.weights[str(weight_of(outcome.class_))] += 1
        if outcome.how:
            self.how[outcome.how] += 1


@dataclass
class _Batch:
    """Of one campaign, what is to be written."""

    events: list[Event] = field(default_factory=list)
    softs: list[tuple[str, SoftBounce]] = field(default_factory=list)  # digest of the event
    entries: list[Suppressed] = field(default_factory=list)


class Taking:
    """Takes in what came back of some campaigns."""

    def __init__(self, mailings: Sequence[Mailing], clock: Clock) -> None:
        self.tally = TakenIn()
        self._mailings = mailings
        self._clock = clock
        self._stores: dict[str, SuppressionStore] = {}
        self._batches: dict[str, _Batch] = {}

    def close(self) -> None:
        for store in self._stores.values():
            store.close()
        self._stores.clear()

    def take(self, mails: Sequence[ReadMail]) -> list[MailOutcome]:
        """All of it is durable when it returns."""
        self._batches = {mailing.plan_id: _Batch() for mailing in self._mailings}
        outcomes = [outcome for mail in mails for outcome in self._outcomes(mail)]
        for mailing in self._mailings:
            self._write(mailing, self._batches[mailing.plan_id])
        self.tally.mails += len(mails)
        for outcome in outcomes:
            self.tally.note(outcome)
        return outcomes

    # -- what a mail is about --------------------------------------------------------------------

    def _outcomes(self, mail: ReadMail) -> list[MailOutcome]:
        returned = mail.returned
        if returned.sort not in _OF_MACHINES and (left := self._unsubscribed(mail)):
            return [left]
        is_told = returned.sort is Sort.PROVIDER and returned.notices
        if is_told or returned.sort in (Sort.BOUNCE, Sort.COMPLAINT):
            at = returned.at or self._clock.now_s()
            found = find(
                returned.clues, returned.notices, at, self._mailings, of_provider=bool(is_told)
            )
            if not found:
                return [self._nobody(mail)]
            return [self._event_of(mail, each) for each in found]
        if returned.sort is Sort.REPLY and (known := letter_of(returned.clues, (), self._mailings)):
            mailing, letter, how = known
            hit = Hit(mailing, letter, how, Notice("replied", diagnostic=returned.subject))
            return [self._event_of(mail, hit)]
        return [
            MailOutcome(mail.where, str(returned.sort), why=returned.why, subject=returned.subject)
        ]

    def _nobody(self, mail: ReadMail) -> MailOutcome:
        returned = mail.returned
        if returned.clues.foreign_id:
            why = f"it is about the message {returned.clues.foreign_id}"
        else:
            named = ", ".join(filter(None, (notice.address for notice in returned.notices)))
            why = f"no letter to {named}" if named else "it names no letter and no recipient"
        return MailOutcome(mail.where, "not ours", why=why, subject=returned.subject)

    def _unsubscribed(self, mail: ReadMail) -> MailOutcome | None:
        """By the token in the subject, else by who writes to the address for it."""
        returned = mail.returned
        for mailing in self._mailings:
            told = mailing.tokens.read(returned.subject) if mailing.tokens else None
            if told is None:
                continue
            entry = Suppressed(
                told.key, told.list, Reason.UNSUBSCRIBE, _SOURCE, told.campaign,
                self._moment(returned.at, None), evidence=f"a mail: {returned.subject}",
            )  # fmt: skip
            letters = mailing.letters.by_key(told.key) if told.campaign == mailing.name else []
            return self._leave(mail, mailing, entry, letters, How.TOKEN)
        if returned.subject.strip().lower() != "unsubscribe":
            return None
        for mailing in self._mailings:
            if not mailing.unsubscribe_to or mailing.unsubscribe_to not in returned.to:
                continue
            try:
                key = parse_address(returned.sender).key
            except AddressError:
                continue
            letters = mailing.letters.by_key(key)
            if any(letter.sent_at for letter in letters):
                entry = Suppressed(
                    key, mailing.list_, Reason.UNSUBSCRIBE, _SOURCE, mailing.name,
                    self._moment(returned.at, letters[0]), evidence="a mail: unsubscribe",
                )  # fmt: skip
                return self._leave(mail, mailing, entry, letters, How.ADDRESS)
        return None

    def _leave(
        self,
        mail: ReadMail,
        mailing: Mailing,
        entry: Suppressed,
        letters: list[SentLetter],
        how: How,
    ) -> MailOutcome:
        returned = mail.returned
        batch = self._batches[mailing.plan_id]
        batch.entries.append(entry)
        if letters:
            notice = Notice("unsubscribed", diagnostic=entry.evidence)
            batch.events.append(self._event(returned, Hit(mailing, letters[0], how, notice)))
        return MailOutcome(
            mail.where, "unsubscribed", entry.key, mailing.name, how=str(how),
            subject=returned.subject,
        )  # fmt: skip

    # -- what follows from it --------------------------------------------------------------------

    def _event_of(self, mail: ReadMail, hit: Hit) -> MailOutcome:
        mailing, letter, how, notice = hit
        batch = self._batches[mailing.plan_id]
        event = self._event(mail.returned, hit)
        batch.events.append(event)
        name, said, source = mailing.name, event.evidence, event.source
        if notice.kind == "complained":
            batch.entries.append(
                Suppressed(letter.key, EVERYWHERE, Reason.COMPLAINT, source, name, event.at,
                           evidence=said)
            )  # fmt: skip
        elif notice.kind == "unsubscribed":
            batch.entries.append(
                Suppressed(letter.key, mailing.list_, Reason.UNSUBSCRIBE, source, name, event.at,
                           evidence=said)
            )  # fmt: skip
        elif notice.kind == "bounced":
            weight = weight_of(event.class_)
            is_mail = not mail.returned.source
            if mailing.is_signed and how is How.MESSAGE_ID and is_mail:
                self.tally.rewritten += 1
            if weight is Weight.HARD and how is not How.PROSE:
                batch.entries.append(
                    Suppressed(letter.key, EVERYWHERE, Reason.HARD, source, name, event.at,
                               evidence=said)
                )  # fmt: skip
            elif weight in (Weight.HARD, Weight.SOFT):
                batch.softs.append((event.digest, SoftBounce(letter.key, name, event.at, said)))
        return MailOutcome(
            mail.where, notice.kind, letter.address, name, event.class_, str(how), said,
            mail.returned.subject,
        )  # fmt: skip

    def _event(self, returned: Returned, hit: Hit) -> Event:
        mailing, letter, _, notice = hit
        is_refusal = notice.kind in ("bounced", "delayed")
        class_ = str(class_of(notice)) if is_refusal else notice.class_
        status = notice.status if notice.status not in notice.diagnostic else ""
        told = f"{returned.digest} {notice.kind} {mailing.plan_id} {letter.row}"
        return Event(
            digest=hashlib.sha256(told.encode()).hexdigest(),
            row=letter.row,
            at=self._moment(returned.at, letter),
            kind=notice.kind,
            class_=class_,
            evidence=" ".join(f"{status} {notice.diagnostic}".split())[:EVIDENCE_MAX],
            source=returned.source or _SOURCE,
            message_id=letter.message_id,
        )

    def _moment(self, at: float, letter: SentLetter | None) -> float:
        """The same whenever the mail is read; a Date that cannot be right is not believed."""
        sent_at = letter.sent_at if letter else 0.0
        if not at:
            return sent_at or self._clock.now_s()
        return at if not sent_at or sent_at <= at <= sent_at + _LATE_S else sent_at

    def _write(self, mailing: Mailing, batch: _Batch) -> None:
        if batch.softs:
            digests = [digest for digest, _ in batch.softs]
            known = known_digests(*mailing.campaign.journal, digests)
            self._store(mailing).soft(soft for digest, soft in batch.softs if digest not in known)
        if batch.events:
            if mailing.campaign.settings.ramp:
                known = known_digests(*mailing.campaign.journal, [e.digest for e in batch.events])
                new_ones = {e.digest: e for e in batch.events if e.digest not in known}
                note_events(mailing.campaign, list(new_ones.values()))
            new = add_events(*mailing.campaign.journal, batch.events)
            self.tally.new_events += new
            self.tally.known_events += len(batch.events) - new
        if batch.entries:
            added = self._store(mailing).add(batch.entries)
            self.tally.suppressed += added.new + added.graver

    def _store(self, mailing: Mailing) -> SuppressionStore:
        if mailing.plan_id not in self._stores:
            self._stores[mailing.plan_id] = open_store(mailing.campaign, self._clock)
        return self._stores[mailing.plan_id]
