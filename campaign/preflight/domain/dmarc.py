"""DMARC as RFC 9989 has it: the record in force, the organisation, alignment.

In: domains.  Out: `DmarcRecord`, `Discovery`, whether two domains belong together.
Touches: the DNS, through the resolver.

There is no list of public suffixes: the DNS is walked upwards, with eight questions at most
(section 4.10).  DnsError where a question has no answer: then nothing is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from campaign.routing.answers import Status
from campaign.routing.resolver import Resolver

_MOST_QUERIES = 8
_POLICIES = ("none", "quarantine", "reject")
_LOWER = {"reject": "quarantine", "quarantine": "none", "none": "none"}
_HISTORIC = ("pct", "rf", "ri")  # of RFC 7489; RFC 9989 ignores them
_REPORT_URI = re.compile(r"(?i:mailto):[^@\s,!]+@[^@\s,!]+(![0-9]+[kmgt]?)?|https?://[^\s,!]+")


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """What a record says (section 4.7)."""

    domain: str  # at which it stands
    text: str
    tags: dict[str, str]

    def _choice(self, tag: str, choices: tuple[str, ...], default: str) -> str:
        value = self.tags.get(tag, "").lower()
        return value if value in choices else default

    @property
    def psd(self) -> str:
        """Whether it stands at a public suffix: "y", "n", or "u" for not said."""
        return self._choice("psd", ("y", "n"), "u")

    @property
    def is_test(self) -> bool:
        """t=y: what is asked for is one step milder than what it says."""
        return self._choice("t", ("y",), "n") == "y"

    @property
    def reports(self) -> tuple[str, ...]:
        """The addresses of rua= that are well written."""
        uris = (uri.strip() for uri in self.tags.get("rua", "").split(","))
        return tuple(uri for uri in uris if _REPORT_URI.fullmatch(uri))

    @property
    def bad_policies(self) -> tuple[str, ...]:
        """Of p, sp and np those that are there and mean nothing; p also where it is missing."""
        return tuple(
            tag
            for tag in ("p", "sp", "np")
            if (tag == "p" or tag in self.tags) and self.tags.get(tag, "").lower() not in _POLICIES
        )

    @property
    def has_effect(self) -> bool:
        """Whether receivers act on it at all."""
        return not self.bad_policies or bool(self.reports)

    @property
    def historic(self) -> tuple[str, ...]:
        """Tags that nobody reads any more."""
        return tuple(tag for tag in _HISTORIC if tag in self.tags)

    def is_strict(self, tag: str) -> bool:
        """Of adkim or aspf."""
        return self._choice(tag, ("s",), "r") == "s"

    def published(self, *, is_below: bool, exists: bool) -> str:
        """The policy for its own domain, or one below it that exists or does not."""
        if self.bad_policies:
            return "none"
        order = ("p",) if not is_below else ("sp", "p") if exists else ("np", "sp", "p")
        return next(self.tags[tag].lower() for tag in order if tag in self.tags)


class Discovery(NamedTuple):
    """What a receiver finds out for the domain of a From."""

    domain: str
    organisation: str
    record: DmarcRecord | None
    policy: str  # as published, for this domain
    applied: str  # as asked for: milder while it is being tested
    questions: tuple[str, ...]  # names, in the order asked


class _Walk(NamedTuple):
    """A walk to the top: the records on the way, nearest first."""

    organisation: str
    records: tuple[DmarcRecord, ...]
    questions: tuple[str, ...]


def read_tags(text: str) -> dict[str, str] | None:
    """Tags of a DMARC record; None where it is not one (its v= is not DMARC1, or not first)."""
    tags: dict[str, str] = {}
    for number, part in enumerate(text.split(";")):
        name, equals, value = (piece.strip(" \t") for piece in part.partition("="))
        if number == 0 and not (name.lower() == "v" and value == "DMARC1"):
            return None
        if equals and number:
            tags.setdefault(name.lower(), value)
    return tags


async def record_at(resolver: Resolver, domain: str) -> DmarcRecord | None:
    """The record of this very name; None without one, and with several."""
    answer = await resolver.texts(f"_dmarc.{domain}")
    read = [(text, read_tags(text)) for text in answer.records]
    found = [DmarcRecord(domain, text, tags) for text, tags in read if tags is not None]
    return found[0] if len(found) == 1 else None


def steps_up(domain: str) -> list[str]:
    """The names that are asked, eight at most: from the eighth label on they are left out."""
    labels = domain.split(".")
    steps = [domain]
    rest = labels[-(_MOST_QUERIES - 1) :] if len(labels) >= _MOST_QUERIES else labels[1:]
    while rest:
        steps.append(".".join(rest))
        rest = rest[1:]
    return [step for step in steps if _can_exist(step)]


def _can_exist(name: str) -> bool:
    return len(name) <= 246 and all(0 < len(label) <= 63 for label in name.split("."))


async def _walk_up(resolver: Resolver, domain: str) -> _Walk:
    """Sections 4.10 and 4.10.2."""
    records: list[DmarcRecord] = []
    asked: list[str] = []
    for step in steps_up(domain):
        asked.append(f"_dmarc.{step}")
        record = await record_at(resolver, step)
        if record is None:
            continue
        records.append(record)
        if record.psd == "n":
            return _Walk(step, tuple(records), tuple(asked))
        if record.psd == "y":
            if step == domain:
                return _Walk(domain, tuple(records), tuple(asked))
            below = domain.split(".")[-(step.count(".") + 2) :]
            return _Walk(".".join(below), tuple(records), tuple(asked))
    top = records[-1].domain if records else domain
    return _Walk(top, tuple(records), tuple(asked))


async def organisation_of(resolver: Resolver, domain: str) -> str:
    """The Organizational Domain (section 4.10.2)."""
    return (await _walk_up(resolver, _plain(domain))).organisation


async def discover(resolver: Resolver, domain: str) -> Discovery:
    """The policy in force for a From (section 4.10.1)."""
    domain = _plain(domain)
    walk = await _walk_up(resolver, domain)
    at = {record.domain: record for record in walk.records}
    suffix = next((each for each in walk.records if each.psd == "y"), None)
    record = at.get(domain) or at.get(walk.organisation) or suffix
    if record is None or not record.has_effect:
        return Discovery(domain, walk.organisation, record, "", "", walk.questions)
    is_below = record.domain != domain
    exists = True
    if is_below and "np" in record.tags:
        exists = await _exists(resolver, domain)
    policy = record.published(is_below=is_below, exists=exists)
    applied = _LOWER[policy] if record.is_test else policy
    return Discovery(domain, walk.organisation, record, policy, applied, walk.questions)


async def _exists(resolver: Resolver, domain: str) -> bool:
    """Whether the name is there with any record at all (appendix A.4)."""
    if not _can_exist(domain):
        return False
    answer = await resolver.addresses(domain, ipv6=False)
    return answer.status is not Status.NO_NAME


async def are_aligned(resolver: Resolver, author: str, other: str, *, is_strict: bool) -> bool:
    """Whether a domain that was proved (of a signature, or by SPF) speaks for that of the From."""
    author, other = _plain(author), _plain(other)
    if author == other:
        return True
    if is_strict:
        return False
    organisation = await organisation_of(resolver, author)
    if not (other == organisation or other.endswith(f".{organisation}")):
        return False  # its own walk cannot end there
    return await organisation_of(resolver, other) == organisation


def _plain(domain: str) -> str:
    return domain.rstrip(".").lower()
