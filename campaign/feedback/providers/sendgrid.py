"""Twilio SendGrid: the events of its webhook.

In: JSON objects.  Out: `Returned`s.  Touches: nothing.

twilio.com/docs/sendgrid/for-developers/tracking-events/event.  `smtp-id` is the Message-ID of a
letter that came by SMTP; unique arguments stand beside the fields of SendGrid itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from campaign.feedback.parsing.notices import Notice, Returned
from campaign.feedback.providers.payloads import moment, returned, untold, words
from campaign.outcomes import MACHINE

NAME = "sendgrid"
_OWN_IDS = ("@ismtpd", "@geopod-", "sendgrid.")
_FIELDS = frozenset(
    {"email", "timestamp", "event", "smtp-id", "sg_event_id", "sg_message_id", "reason", "status",
     "response", "attempt", "type", "bounce_classification", "useragent", "ip", "url", "url_offset",
     "sg_machine_open", "tls", "cert_err", "pool", "asm_group_id", "sg_content_type",
     "sg_template_id", "sg_template_name", "newsletter", "marketing_campaign_id",
     "marketing_campaign_name", "post_type"}
)  # fmt: skip
# Used where the refusing server's words are not told (RFC 3463).
_STATUSES = {
    "invalid address": "5.1.1", "mailbox unavailable": "5.2.2", "reputation": "5.7.1",
    "content": "5.6.0", "technical": "4.4.1", "frequency or volume too high": "4.7.0",
}  # fmt: skip


def read(event: Mapping[str, Any]) -> Iterator[Returned]:
    """The event, which stands alone."""
    notice = _notice(event)
    if notice is None:
        yield untold(NAME, event, f"SendGrid tells: {words(event.get('event')) or 'nothing'}")
        return
    message_id = words(event.get("smtp-id"))
    yield returned(
        NAME, event, words(event.get("sg_event_id")), moment(event.get("timestamp")), [notice],
        message_id="" if any(own in message_id for own in _OWN_IDS) else message_id,
        own=[value for name, value in event.items() if name not in _FIELDS],
    )  # fmt: skip


def _notice(event: Mapping[str, Any]) -> Notice | None:
    address = words(event.get("email"))
    said = words(event.get("reason")) or words(event.get("response"))
    match words(event.get("event")):
        case "bounce":
            group = words(event.get("bounce_classification")).lower()
            status = words(event.get("status")) or _STATUSES.get(group, "")
            said = said or f"SendGrid tells: {group or 'bounce'}"
            return Notice("bounced", address, "", status, said, True)
        case "deferred":
            return Notice("delayed", address, "", "", said, True)
        case "dropped":
            # By lists of its own, or for its own reasons: no mail server was asked.
            return Notice("bounced", address, "", "", f"SendGrid did not send it: {said}", True)
        case "delivered":
            kind = "delivered"
        case "spamreport":
            kind, said = "complained", "marked as spam, told by SendGrid"
        case "unsubscribe" | "group_unsubscribe":
            kind, said = "unsubscribed", "by the link of SendGrid"
        case "open":
            by = MACHINE if event.get("sg_machine_open") is True else ""
            return Notice("opened", address, is_field=True, class_=by)
        case "click":
            kind, said = "clicked", words(event.get("url"))
        case _:
            return None
    return Notice(kind, address, diagnostic=said, is_field=True)
