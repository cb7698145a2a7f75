"""What each provider would tell of a letter: made payloads in the documented formats."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

Json = dict[str, Any]


class Letter(NamedTuple):
    """message_id: with brackets"""

    address: str
    message_id: str
    sender: str = "news@example.com"


def ses(letter: Letter, kind: str, detail: Json, *, headers: bool = True) -> Json:
    mail: Json = {
        "timestamp": "2026-11-09T12:00:00.000Z",
        "source": letter.sender,
        "messageId": "0100019aEXAMPLE-7c191be4-5e9a-4d12-a87d-dd0099a07f8a-000000",
        "destination": [letter.address],
    }
    if headers:
        mail |= {
            "headersTruncated": False,
            "headers": [
                {"name": "From", "value": "News <news@example.com>"},
                {"name": "Message-ID", "value": letter.message_id},
            ],
        }
    return {"eventType": kind, kind[:1].lower() + kind[1:]: detail, "mail": mail}


def ses_bounce(
    letter: Letter, kind: str, subtype: str, said: str = "", status: str = "", **more: Any
) -> Json:
    person: Json = {"emailAddress": letter.address}
    if said:
        person |= {"action": "failed", "status": status, "diagnosticCode": f"smtp; {said}"}
    detail = {
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [person],
        "timestamp": "2026-11-09T12:01:02.345Z",
        "feedbackId": f"0100-{subtype}-{letter.address}",
        "reportingMTA": "dsn; a8-70.smtp-out.amazonses.com",
    }
    return ses(letter, "Bounce", detail, **more)


def ses_complaint(letter: Letter, type_: str = "abuse", subtype: str | None = None) -> Json:
    detail = {
        "complainedRecipients": [{"emailAddress": letter.address}],
        "timestamp": "2026-11-09T13:00:00.000Z",
        "feedbackId": f"0100-{type_}-{letter.address}",
        "complaintSubType": subtype,
        "userAgent": "Yahoo!-Mail-Feedback/2.0",
        "complaintFeedbackType": type_,
    }
    return ses(letter, "Complaint", detail)


def sns(message: Json, **more: Any) -> Json:
    """The envelope in which SNS posts it; unsigned."""
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:bounces",
        "Message": json.dumps(message),
        "Timestamp": "2026-11-09T12:01:03.000Z",
        "SignatureVersion": "2",
        **more,
    }


def sendgrid(letter: Letter, kind: str, **more: Any) -> Json:
    return {
        "email": letter.address,
        "timestamp": 1_794_225_662,
        "smtp-id": letter.message_id,
        "event": kind,
        "category": ["spring"],
        "sg_event_id": f"sg-{kind}-{letter.address}",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        **more,
    }


def mailgun(letter: Letter, kind: str, **more: Any) -> Json:
    return {
        "event": kind,
        "id": f"mg-{kind}-{letter.address}",
        "timestamp": 1_794_225_662.123456,
        "recipient": letter.address,
        "recipient-domain": letter.address.partition("@")[2],
        "message": {"headers": {"message-id": letter.message_id.strip("<>"), "subject": "News"}},
        "envelope": {"sender": letter.sender, "transport": "smtp", "targets": letter.address},
        "user-variables": {},
        **more,
    }


def mailgun_failed(letter: Letter, severity: str, reason: str, **status: Any) -> Json:
    return mailgun(
        letter, "failed", severity=severity, reason=reason, **{"delivery-status": status}
    )


def postmark(letter: Letter, record: str, **more: Any) -> Json:
    """Postmark knows a letter by an ID of its own."""
    return {
        "RecordType": record,
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Email": letter.address,
        "From": "news@example.com",
        "BouncedAt": "2026-11-09T12:01:02.1234567Z",
        "Metadata": {},
        "MessageStream": "broadcast",
        **more,
    }


def postmark_bounce(letter: Letter, type_: str, said: str, **more: Any) -> Json:
    return postmark(letter, "Bounce", ID=hash(type_) & 0xFFFF, Type=type_, Details=said, **more)
