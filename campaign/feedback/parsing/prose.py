"""Bounces that are told in prose: qmail, Exim, Sendmail, Exchange, Courier, Domino, and their kin.

In: a mail.  Out: `Notice`s.  Touches: nothing.

There is no reader for each server.  What they have in common is read: somebody who writes in the
name of a mail system, a sentence that nothing was delivered, an address, and the words that follow
it up to the next address or to the copy of our letter.
"""

from __future__ import annotations

import re

from campaign.feedback.parsing.delivery_status import spec_in
from campaign.feedback.parsing.mail import Mail, decoded_words
from campaign.feedback.parsing.notices import EVIDENCE_MAX, Notice
from campaign.feedback.parsing.wording import COPY, DAEMON, FINAL, LATE, UNDELIVERED

_READ = 16_000  # characters of the text; what was returned to us stands behind
_ADDRESSES = 20

_ADDRESS = re.compile(
    r"(?<![\w.+@-])(?:mailto:|smtp:|rfc822;)?([A-Za-z0-9._%+'=/~!#$&*?^{|}-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?)"
)  # fmt: skip
_NOT_HIM = re.compile(
    r"^(postmaster|mailer-daemon|abuse|support|helpdesk|hostmaster|webmaster|mailerdaemon|nobody)@|\.local$",
    re.IGNORECASE,
)
_REFUSAL = re.compile(r"(?<![\d.@/#-])[45]\d\d[ -](?=[\sA-Za-z\d<(#\"'])|[45]\.\d{1,3}\.\d{1,3}")


def looks_like_a_bounce(mail: Mail) -> bool:
    """Who writes, and under which subject."""
    if mail.fields.has("x-failed-recipients"):
        return True
    sender = decoded_words(mail.fields.get("from")) + " " + mail.fields.get("return-path")
    is_subject = bool(UNDELIVERED.search(decoded_words(mail.fields.get("subject"))))
    is_null = mail.fields.get("return-path").replace(" ", "") == "<>"
    return is_subject and (is_null or bool(DAEMON.search(sender)))


def read_prose(mail: Mail, ours: frozenset[str] = frozenset()) -> list[Notice]:
    """The recipients that are told of; one without an address where nobody is named.

    `ours`: addresses that are the sender's, in small letters.
    """
    whole = told_in(mail)
    kind = _kind(decoded_words(mail.fields.get("subject")), whole)
    named = [spec_in(value) for field in mail.fields.all("x-failed-recipients")
             for value in field.split(",")][:_ADDRESSES]  # fmt: skip
    skipped = ours | _own(mail)
    found = _by_address(whole, skipped)
    if named:
        said = {address.lower(): text for address, text in found}
        return [
            Notice(kind, address=address, diagnostic=said.get(address.lower()) or _signal(whole),
                   is_field=True)
            for address in named if address
        ]  # fmt: skip
    telling = [(address, text) for address, text in found if _REFUSAL.search(text)] or found[:1]
    if not telling:
        return [Notice(kind, diagnostic=_signal(whole))]
    return [
        Notice(kind, address=address, diagnostic=_cut(text) if _says(text) else _signal(whole))
        for address, text in telling
    ]


def told_in(mail: Mail) -> str:
    """What the reporter wrote, without the copy of our letter."""
    texts = list(mail.texts("text/plain")) or list(mail.texts("text/html"))
    if not any(text.strip() for text in texts):
        texts = list(mail.texts("text/html"))
    text = "\n\n".join(texts[:3])[:_READ]
    copy = next((found for found in COPY.finditer(text) if found.start() > 20), None)
    return text[: copy.start()] if copy else text


def refusal_in(text: str) -> str:
    """The first words of a text that are a server's refusal; "" where none are."""
    lines = [line.strip() for line in text.split("\n")]
    for number, line in enumerate(lines):
        if _REFUSAL.search(line):
            start = number
            while start and lines[start - 1].startswith(">>>"):
                start -= 1
            return _cut(" ".join(lines[number : number + 6]))
    return ""


def _kind(subject: str, text: str) -> str:
    is_late = LATE.search(subject) or (LATE.search(text) and not FINAL.search(text))
    return "delayed" if is_late and not FINAL.search(subject) else "bounced"


def _own(mail: Mail) -> frozenset[str]:
    """Those whom the bounce goes to, and who sends it."""
    fields = mail.fields.all("to", "from", "return-path", "delivered-to", "reply-to", "cc")
    return frozenset(
        address.lower() for value in fields for address in _ADDRESS.findall(decoded_words(value))
    )


def _by_address(text: str, skipped: frozenset[str]) -> list[tuple[str, str]]:
    """Each address with its line and what follows up to the next one."""
    found: list[tuple[str, int, int]] = []
    for match in _ADDRESS.finditer(text):
        address = match[1].strip("'\"").rstrip(".")
        if (
            address.lower() in skipped
            or _NOT_HIM.search(address)
            or "." not in address.rpartition("@")[2]
        ):
            continue
        if any(address.lower() == known.lower() for known, _, _ in found):
            continue
        found.append((address, text.rfind("\n", 0, match.start()) + 1, match.end()))
        if len(found) == _ADDRESSES:
            break
    told = []
    for number, (address, start, _) in enumerate(found):
        end = found[number + 1][1] if number + 1 < len(found) else len(text)
        told.append((address, text[start : max(end, text.find("\n", start))][: 2 * EVIDENCE_MAX]))
    return told


def _says(text: str) -> bool:
    """More than the address itself."""
    return sum(letter.isalpha() for letter in _ADDRESS.sub("", text)) > 8


def _signal(text: str) -> str:
    return refusal_in(text) or _cut(text)


def _cut(text: str) -> str:
    return " ".join(text.split())[:EVIDENCE_MAX]
