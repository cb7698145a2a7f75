"""Mailgun: the events of its webhooks, and of its events API.

In: JSON objects.  Out: `Returned`s.  Touches: nothing.

documentation.mailgun.com/docs/mailgun/user-manual/events.  `message.headers.message-id` is the
letter's own; `user-variables` are those of the header X-Mailgun-Variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from campaign.feedback.parsing.notices import Notice, Returned
from campaign.feedback.providers.payloads import moment, returned, rows, table, untold, words
from campaign.outcomes import MACHINE

NAME = "mailgun"


def read(payload: Mapping[str, Any]) -> Iterator[Returned]:
    """The events in one object."""
    for event in rows(payload.get("items")) or [table(payload, "event-data") or payload]:
        notice = _notice(event)
        if notice is None:
            yield untold(NAME, event, f"Mailgun tells: {words(event.get('event')) or 'nothing'}")
            continue
        headers = table(event, "message", "headers")
        yield returned(
            NAME, event, words(event.get("id")), moment(event.get("timestamp")), [notice],
            senders=words(table(event, "envelope").get("sender")),
            message_id=words(headers.get("message-id")),
            own=table(event, "user-variables"),
            subject=words(headers.get("subject")),
        )  # fmt: skip


def _notice(event: Mapping[str, Any]) -> Notice | None:
    address = words(event.get("recipient"))
    match words(event.get("event")):
        case "failed" | "rejected":
            return _failed(event, address)
        case "delivered":
            kind, said = "delivered", words(table(event, "delivery-status").get("message"))
        case "complained":
            kind, said = "complained", "marked as spam, told by Mailgun"
        case "unsubscribed":
            kind, said = "unsubscribed", "by the link of Mailgun"
        case "opened" | "clicked" as kind:
            by = words(table(event, "client-info").get("bot"))
            said = f"{words(event.get('url'))} {by}".strip()
            class_ = MACHINE if by else ""
            return Notice(kind, address, diagnostic=said, is_field=True, class_=class_)
        case _:
            return None
    return Notice(kind, address, diagnostic=said, is_field=True)


def _failed(event: Mapping[str, Any], address: str) -> Notice:
    """What the mail server said, else what Mailgun did.

    Codes from 600 on are Mailgun's own: it did not send, because of what an earlier letter met.
    """
    told = table(event, "delivery-status")
    reason = words(event.get("reason")) or words(table(event, "reject").get("reason"))
    code = words(told.get("code"))
    said = words(told.get("message")) or words(told.get("description"))
    status = words(told.get("enhanced-code"))
    if reason.startswith("suppress-") or (code.isdecimal() and int(code) >= 600):
        said, status = f"Mailgun did not send it: {reason or code}", ""
    elif reason == "old":
        said, status = f"Mailgun gave up: too long in the queue; {said}", "4.4.7"
    elif code[:1] in ("4", "5") and code not in said:
        said = f"{code} {said}"
    kind = "delayed" if words(event.get("severity")) == "temporary" else "bounced"
    return Notice(kind, address, "", status, said or f"Mailgun tells: {reason}", True)
