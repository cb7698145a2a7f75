"""One mail to what it says.

In: the bytes of a mail.  Out: `Returned`.  Touches: nothing; never raises for what a mail is.
"""

from __future__ import annotations

import hashlib
import re
from email.utils import mktime_tz, parsedate_tz

from campaign.feedback.parsing import sorts
from campaign.feedback.parsing.complaints import read_feedback_report
from campaign.feedback.parsing.delivery_status import (
    envelope_sender_of,
    read_delivery_status,
    spec_in,
)
from campaign.feedback.parsing.last_finder import last_found
from campaign.feedback.parsing.mail import LOOKED_AT, Mail, Piece, decoded_words, read_mail
from campaign.feedback.parsing.names import message_ids_in, sender_tokens_in
from campaign.feedback.parsing.notices import Clues, Notice, Returned, Sort
from campaign.feedback.parsing.prose import looks_like_a_bounce, read_prose, refusal_in, told_in

_SOFT_BREAK = re.compile(r"=\n")
_SEARCHED = 256 * 1024  # characters of a mail that are searched for names of ours
_UNSUBSCRIBE = re.compile(r"(?im)^list-unsubscribe:((?:.*(?:\n[ \t].*)*))")
_ID_FIELD = re.compile(r"(?im)^message-id:\s*(<[^<>\s]{1,300}>)")


def digest_of(raw: bytes) -> str:
    """Of a mail, whichever line ends its store has."""
    plain = raw.replace(b"\r\n", b"\n").strip(b"\n")
    return hashlib.sha256(plain).hexdigest()


def read(raw: bytes) -> Returned:
    """What the mail says; see `Sort` for what it may be."""
    mail = read_mail(raw)
    digest = digest_of(raw[:LOOKED_AT])
    subject = decoded_words(mail.fields.get("subject"))[:200]
    if not mail.fields:
        return Returned(Sort.UNREADABLE, digest, 0.0, (), Clues(), "", "it has no header fields")
    sort, why, notices = _sorted(mail)
    clues = _clues(mail)
    is_known = clues.senders or clues.message_ids or clues.foreign_id
    if sort is Sort.BOUNCE and not is_known and not any(map(_names_somebody, notices)):
        notices = _by_last_finder(raw, notices)
    return Returned(
        sort, digest, _moment(mail), tuple(notices), clues, subject, why,
        spec_in(mail.fields.get("from")).lower(),
        tuple(spec_in(value).lower() for value in mail.fields.all("to", "delivered-to")),
    )  # fmt: skip


def _names_somebody(notice: Notice) -> bool:
    return bool(notice.address or notice.original)


def _by_last_finder(raw: bytes, notices: list[Notice]) -> list[Notice]:
    """What was said, of whom another reader finds."""
    said = notices[0] if notices else Notice("bounced")
    return [said._replace(address=each) for each in last_found(raw)] or notices


def _sorted(mail: Mail) -> tuple[Sort, str, list[Notice]]:
    if report := read_feedback_report(mail):
        if not report.is_complaint:
            return Sort.REPORT, f"a feedback report of the type {report.type_}", []
        people = report.recipients or ("",)
        notices = [
            Notice("complained", address=each, diagnostic=report.said, is_field=bool(each))
            for each in people
        ]
        return Sort.COMPLAINT, report.type_, notices
    if found := sorts.report_or_receipt(mail):
        return (*found, [])
    if notices := _delivery_status(mail):
        return Sort.BOUNCE, "a delivery status notification (RFC 3464)", notices
    if "delivery-status" in mail.parameters.lower() and any(mail.texts("message/delivery-status")):
        return Sort.OTHER, "a notification that says nothing new of anybody", []
    if found := sorts.challenge(mail):
        return (*found, [])
    if looks_like_a_bounce(mail):
        return Sort.BOUNCE, "a bounce in prose", read_prose(mail)
    if found := sorts.auto_reply(mail):
        return (*found, [])
    if sorts.is_of_a_person(mail):
        return Sort.REPLY, "an answer", []
    return Sort.OTHER, "an ordinary mail", []


def _delivery_status(mail: Mail) -> list[Notice]:
    """Of the mail itself, or of one that was forwarded in it."""
    for inside in (0, 1):
        texts = [
            piece.text
            for piece in mail.pieces
            if piece.kind in ("message/delivery-status", "message/global-delivery-status")
            and piece.inside == inside
        ]
        notices = [notice for text in texts for notice in read_delivery_status(text)]
        if notices:
            return [_with_prose(notice, mail) for notice in notices] if not inside else notices
    return []


def _with_prose(notice: Notice, mail: Mail) -> Notice:
    """Where the fields say nothing in words, what stands in the text beside them."""
    if sum(letter.isalpha() for letter in notice.diagnostic) > 8:
        return notice
    said = refusal_in(told_in(mail))
    return notice._replace(diagnostic=f"{notice.diagnostic} {said}".strip()) if said else notice


def _moment(mail: Mail) -> float:
    """Of its Date, or of the last Received; 0.0 without one that can be read."""
    received = mail.fields.get("received").rpartition(";")[2]
    for value in (mail.fields.get("date"), received):
        try:
            parsed = parsedate_tz(value) if value else None
            if parsed:
                return float(max(0, mktime_tz(parsed)))
        except (ValueError, OverflowError, IndexError, TypeError):
            continue
    return 0.0


def _clues(mail: Mail) -> Clues:
    originals = [piece for piece in mail.pieces if _is_original(piece)]
    heads = [_head(piece) for piece in originals]
    fields = mail.fields
    addressed = fields.all(
        "to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "cc",
        "x-rcpt-to", "resent-to", "apparently-to",
    )  # fmt: skip
    answered = fields.all("in-reply-to", "references", "x-original-message-id",
                          "original-message-id", "x-ms-exchange-parent-message-id")  # fmt: skip
    texts = [*heads, *answered, *(piece.text for piece in mail.pieces), mail.plain]
    everything = _SOFT_BREAK.sub("", "\n".join(texts)[: 2 * _SEARCHED])
    statuses = list(mail.texts("message/delivery-status", inside=1))
    senders = [*addressed, *map(envelope_sender_of, statuses), everything]
    own = fields.get("message-id").strip("<> ")
    unsubscribe = [found[1] for text in heads for found in _UNSUBSCRIBE.finditer(text)]
    subject = decoded_words(fields.get("subject"))
    foreign = next((found[1] for text in heads if (found := _ID_FIELD.search(text))), "")
    return Clues(
        sender_tokens_in("\n".join(senders)),
        message_ids_in(everything, without=own),
        "\n".join([*unsubscribe, subject])[:4000],
        foreign,
    )


def _is_original(piece: Piece) -> bool:
    return piece.kind in ("message/rfc822", "text/rfc822-headers", "message/global",
                          "message/global-headers", "message/rfc822-headers")  # fmt: skip


def _head(piece: Piece) -> str:
    """Of a returned original its header block."""
    return piece.text.lstrip("\n").partition("\n\n")[0]
