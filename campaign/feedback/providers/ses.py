"""Amazon SES: notifications and published events, bare, in an SNS envelope, or from a queue.

In: JSON objects.  Out: `Returned`s.  Touches: nothing.

docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html.  SES gives a letter
a Message-ID of its own; ours stands among `mail.headers`, where headers are included.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from campaign.feedback.parsing.complaints import COMPLAINTS
from campaign.feedback.parsing.notices import Notice, Returned
from campaign.feedback.providers.payloads import moment, returned, rows, table, untold, words

NAME = "ses"
_OWN_ID = "amazonses.com"
_DEPTH = 4  # an SNS envelope within a message of a queue within its answer is three
# Where the refusing server's words are not told, what the kind of a bounce says (RFC 3463).
_STATUSES = {
    ("Permanent", "NoEmail"): "5.1.1",
    ("Transient", "MailboxFull"): "5.2.2",
    ("Transient", "MessageTooLarge"): "5.3.4",
    ("Transient", "ContentRejected"): "5.6.0",
    ("Transient", "AttachmentRejected"): "5.6.0",
}
# A list of the account's own says what an earlier letter met, and it may have been a complaint.
_LISTED = "OnAccountSuppressionList"
_DELAYS = {
    "MailboxFull": "4.2.2", "SpamDetected": "4.7.1", "RecipientServerError": "4.3.0",
    "IPFailure": "4.7.1", "TransientCommunicationFailure": "4.4.1", "InternalFailure": "4.3.0",
}  # fmt: skip


def read(payload: Mapping[str, Any], depth: int = _DEPTH) -> Iterator[Returned]:
    """The events in one object."""
    if "mail" in payload:
        yield _event(payload)
        return
    inside = payload.get("Messages")
    wrapped = rows(inside) or [
        found for name in ("Message", "Body") if (found := _loaded(payload.get(name)))
    ]
    if not depth or not wrapped:
        yield untold(NAME, payload, words(payload.get("Message")) or "it tells of no letter")
        return
    for each in wrapped:
        yield from read(each, depth - 1)


def _loaded(text: Any) -> Mapping[str, Any]:
    if not isinstance(text, str):
        return {}
    try:
        return table(json.loads(text))
    except (ValueError, RecursionError):
        return {}


def _event(event: Mapping[str, Any]) -> Returned:
    kind = words(event.get("eventType") or event.get("notificationType"))
    mail = table(event, "mail")
    detail = table(event, kind[:1].lower() + kind[1:])
    notices = _notices(kind, detail, mail)
    if not notices:
        return untold(NAME, event, f"SES tells: {kind or 'nothing'}")
    at = moment(detail.get("timestamp")) or moment(mail.get("timestamp"))
    feedback = words(detail.get("feedbackId"))
    id_ = feedback or f"{words(mail.get('messageId'))} {kind} {words(detail.get('timestamp'))}"
    headers = rows(mail.get("headers"))
    named = [each for each in headers if words(each.get("name")).lower() == "message-id"]
    message_id = next((words(each.get("value")) for each in named), "")
    return returned(
        NAME, event, id_, at, notices,
        senders=words(mail.get("source")),
        message_id="" if _OWN_ID in message_id else message_id,
        own=[[each.get("value") for each in headers], mail.get("tags")],
        subject=words(table(mail, "commonHeaders").get("subject")),
    )  # fmt: skip


def _notices(kind: str, detail: Mapping[str, Any], mail: Mapping[str, Any]) -> list[Notice]:
    match kind:
        case "Bounce":
            return [_bounced(detail, each) for each in rows(detail.get("bouncedRecipients"))]
        case "DeliveryDelay":
            return [_delayed(detail, each) for each in rows(detail.get("delayedRecipients"))]
        case "Complaint":
            return _complained(detail)
    people = detail.get("recipients") or mail.get("destination")
    addresses = [words(each) for each in people] if isinstance(people, list) else []
    match kind:
        case "Delivery":
            kind, said = "delivered", words(detail.get("smtpResponse"))
        case "Reject":
            kind, said = "bounced", f"SES did not take it: {words(detail.get('reason'))}"
            return [Notice(kind, each, "", "5.6.0", said, True) for each in addresses]
        case "Subscription":
            return _left(detail, addresses)
        case "Open":
            kind, said = "opened", ""
        case "Click":
            kind, said = "clicked", words(detail.get("link"))
        case _:
            return []
    return [Notice(kind, each, diagnostic=said, is_field=True) for each in addresses]


def _bounced(bounce: Mapping[str, Any], person: Mapping[str, Any]) -> Notice:
    kinds = words(bounce.get("bounceType")), words(bounce.get("bounceSubType"))
    said = words(person.get("diagnosticCode"))
    status = words(person.get("status")) or _STATUSES.get(kinds, "")
    if kinds[1] == _LISTED:
        said, status = f"not sent: the address is on the account's suppression list; {said}", ""
        said = said.partition("; ")[0]
    said = said or f"SES tells: {' '.join(kinds)}"
    return Notice("bounced", words(person.get("emailAddress")), "", status, said, True)


def _delayed(delay: Mapping[str, Any], person: Mapping[str, Any]) -> Notice:
    kind = words(delay.get("delayType"))
    said = words(person.get("diagnosticCode")) or f"SES tells: {kind}"
    status = words(person.get("status")) or _DELAYS.get(kind, "4.0.0")
    return Notice("delayed", words(person.get("emailAddress")), "", status, said, True)


def _complained(complaint: Mapping[str, Any]) -> list[Notice]:
    """Those that are about a signature, or take one back, are not complaints (RFC 5965)."""
    type_ = words(complaint.get("complaintFeedbackType")) or "abuse"
    people = rows(complaint.get("complainedRecipients"))
    addresses = [words(each.get("emailAddress")) for each in people]
    if words(complaint.get("complaintSubType")) == _LISTED:
        said = "not sent: the address is on the account's suppression list"
        return [Notice("bounced", each, "", "", said, True) for each in addresses]
    if type_ not in COMPLAINTS:
        return []
    by = words(complaint.get("userAgent"))
    said = f"{type_}, reported by {by}" if by else type_
    return [Notice("complained", each, diagnostic=said, is_field=True) for each in addresses]


def _left(detail: Mapping[str, Any], addresses: list[str]) -> list[Notice]:
    """Whoever leaves a topic, or all, in the page of SES."""
    now, before = table(detail, "newTopicPreferences"), table(detail, "oldTopicPreferences")
    has_left = now.get("unsubscribeAll") is True and before.get("unsubscribeAll") is not True

    def out(preferences: Mapping[str, Any]) -> set[str]:
        return {
            words(each.get("topicName"))
            for each in rows(preferences.get("topicSubscriptionStatus"))
            if each.get("subscriptionStatus") == "OptOut"
        }

    if not has_left and not out(now) - out(before):
        return []
    said = f"by the link of SES, {words(detail.get('source'))}".rstrip(", ")
    return [Notice("unsubscribed", each, diagnostic=said, is_field=True) for each in addresses]
