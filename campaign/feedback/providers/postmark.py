"""Postmark: the events of its webhooks, and of its bounce API.

In: JSON objects.  Out: `Returned`s.  Touches: nothing.

postmarkapp.com/developer/webhooks/webhooks-overview.  `MessageID` is Postmark's own; ours is found
in `Content`, where the webhook is told to include it, and in `Metadata` that a header
X-PM-Metadata-... of the letter gave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from campaign.feedback.parsing.notices import Notice, Returned
from campaign.feedback.providers.payloads import moment, returned, rows, table, untold, words

NAME = "postmark"
# Used where the refusing server's words hold no code (RFC 3463).
_STATUSES = {
    "HardBounce": "5.0.0", "BadEmailAddress": "5.1.3", "SoftBounce": "4.0.0", "Transient": "4.0.0",
    "DnsError": "4.4.3", "SpamNotification": "5.7.1", "Blocked": "5.7.1", "DMARCPolicy": "5.7.1",
    "VirusNotification": "5.6.0", "Undeliverable": "4.4.7",
}  # fmt: skip
_NO_BOUNCES = {
    "AutoResponder": "an automatic answer", "ChallengeVerification": "a challenge",
    "Subscribe": "a wish to subscribe", "AddressChange": "a new address",
    "OpenRelayTest": "a test of relays",
}  # fmt: skip


def read(payload: Mapping[str, Any]) -> Iterator[Returned]:
    """The events in one object."""
    events = [payload]
    if bounces := rows(payload.get("Bounces")):
        events = [{"RecordType": "Bounce", **each} for each in bounces]
    for event in events:
        kind, at, notice = _read(event)
        if notice is None:
            yield untold(NAME, event, f"Postmark tells: {kind or 'nothing'}")
            continue
        number = words(event.get("ID"))
        id_ = number or f"{words(event.get('MessageID'))} {notice.address} {at}"
        yield returned(
            NAME, event, f"{words(event.get('RecordType'))} {id_}", at, [notice],
            senders=words(event.get("Content")),
            own=table(event, "Metadata"),
            subject=words(event.get("Subject")),
        )  # fmt: skip


def _read(event: Mapping[str, Any]) -> tuple[str, float, Notice | None]:
    record, kind = words(event.get("RecordType")), words(event.get("Type"))
    address = words(event.get("Email")) or words(event.get("Recipient"))

    def plain(of: str, said: str, when: str) -> tuple[str, float, Notice]:
        notice = Notice(of, address, diagnostic=said, is_field=True)
        return record, moment(event.get(when)), notice

    match record:
        case "Bounce" if kind in _NO_BOUNCES:
            return _NO_BOUNCES[kind], 0.0, None
        case "Bounce" if kind == "Unsubscribe":
            return plain("unsubscribed", "a mail, told by Postmark", "BouncedAt")
        case "Bounce" if kind != "SpamComplaint":
            said = words(event.get("Details")) or f"Postmark tells: {kind}"
            status = _STATUSES.get(kind, "")
            notice = Notice("bounced", address, "", status, said, True)
            return kind, moment(event.get("BouncedAt")), notice
        case "Bounce" | "SpamComplaint":
            return plain("complained", "marked as spam, told by Postmark", "BouncedAt")
        case "Delivery":
            return plain("delivered", words(event.get("Details")), "DeliveredAt")
        case "Open":
            return plain("opened", "", "ReceivedAt")
        case "Click":
            return plain("clicked", words(event.get("OriginalLink")), "ReceivedAt")
        case "SubscriptionChange" if event.get("SuppressSending") is True:
            # Its other reasons, a bounce and a complaint, are told by events of their own.
            if words(event.get("SuppressionReason")) == "ManualSuppression":
                return plain("unsubscribed", "by the link of Postmark", "ChangedAt")
    return record, 0.0, None
