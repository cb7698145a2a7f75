"""Campaigns whose letters were sent, and mails about those letters."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from campaign.addresses.tokens import verp_token
from campaign.config.loader import Campaign
from campaign.feedback.mailings import close_mailings, open_mailings
from campaign.feedback.parsing.reading import read
from campaign.feedback.taking import MailOutcome, ReadMail, Taking
from campaign.journal.reading.reader import Reader
from campaign.journal.reading.returned.letters import LetterBook
from campaign.planning.suppressed import open_store
from campaign.suppression.entries import Suppressed
from fakes.clock import FakeClock
from fakes.prepared import campaigns, journals
from feedback import corpus

SENT_AT = 1_794_200_000.0  # a day before the mails of the corpus say they are from
SECRET = "correct horse battery staple 0123456789"
VERP = '[bounces]\nenvelope_from = "b+{token}@b.example.com"\n'


def sent_campaign(
    folder: Path,
    *,
    people: int = 3,
    more: str = "",
    name: str = "spring",
    at: float = SENT_AT,
    unsubscribe: str = 'mailto = "out@example.com"',
) -> Campaign:
    """A campaign to person1@example.org and so on, every letter of which was accepted."""
    toml = campaigns.TOML.replace('name = "spring"', f'name = "{name}"') + more
    toml = toml.replace('mailto = "out@example.com"', unsubscribe)
    rows = [(f"person{n}@example.org", f"Person {n}", "gold") for n in range(1, people + 1)]
    campaign = campaigns.planned(folder, rows=rows, toml=toml)
    accept(campaign, range(1, people + 1), at)
    return campaign


def accept(campaign: Campaign, rows: Sequence[int], at: float = SENT_AT) -> None:
    """Write into the journal that a server took the letters of these rows."""
    journal = journals.open_journal(campaign.folder)
    told = [change for row in rows for change in (
        journals.sending(row, at=at - 1), journals.sent(row, at=at))]  # fmt: skip
    durable, failures = journals.run(journal, told)
    assert not failures
    assert len(durable) == 2 * len(rows)


def message_id(campaign: Campaign, row: int) -> str:
    with closing(Reader.open(*campaign.journal)) as reader:
        letter = LetterBook(reader).letter(row)
    assert letter is not None
    return letter.message_id


def sender(campaign: Campaign, row: int) -> str:
    """The signed envelope sender of a row's letter."""
    with closing(Reader.open(*campaign.journal)) as reader:
        plan = reader.plan_record()
    return f"b+{verp_token(plan.key, plan.plan_id, row)}@b.example.com"


def about(raw: bytes, campaign: Campaign, row: int) -> bytes:
    """A mail of the corpus as if it were about this letter."""
    mended = raw.replace(corpus.MESSAGE_ID.encode(), message_id(campaign, row).encode())
    mended = mended.replace(corpus.MESSAGE_ID.strip("<>").encode(),
                            message_id(campaign, row).strip("<>").encode())  # fmt: skip
    return mended.replace(corpus.ADA.encode(), f"person{row}@example.org".encode())


def anonymous(raw: bytes, campaign: Campaign, row: int) -> bytes:
    """The same without any trace of ours but the address."""
    lines = raw.replace(corpus.ADA.encode(), f"person{row}@example.org".encode()).split(b"\n")
    return b"\n".join(line for line in lines if b"0123456789abcdef" not in line)


def take(
    campaigns_: Sequence[Campaign], mails: Sequence[bytes], *, clock: FakeClock | None = None
) -> tuple[list[MailOutcome], Taking]:
    """Read and take in, all at once."""
    mailings = open_mailings([each.file for each in campaigns_])
    taking = Taking(mailings, clock or FakeClock(SENT_AT + 200_000))
    try:
        told = [ReadMail(str(number), read(raw)) for number, raw in enumerate(mails)]
        return taking.take(told), taking
    finally:
        taking.close()
        close_mailings(mailings)


def suppressed(campaign: Campaign) -> dict[str, Suppressed]:
    with open_store(campaign, FakeClock(SENT_AT + 200_000)) as store:
        return {entry.key: entry for entry in store.iterate()}
