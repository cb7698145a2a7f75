"""Complaints of feedback loops (RFC 5965).

In: a mail.  Out: its feedback report.  Touches: nothing.

abuse, fraud, virus and opt-out are complaints; not-spam takes one back, and auth-failure and dmarc
(RFC 6591) are about signatures, not about a reader.
"""

from __future__ import annotations

from typing import NamedTuple

from campaign.feedback.parsing.delivery_status import spec_in
from campaign.feedback.parsing.mail import Mail, split

COMPLAINTS = frozenset(
    {"abuse", "fraud", "virus", "opt-out", "opt-out-list", "other", "miscategorized"}
)


class FeedbackReport(NamedTuple):
    """type_: in small letters; recipients: those that are not redacted."""

    type_: str
    recipients: tuple[str, ...]
    said: str  # for evidence

    @property
    def is_complaint(self) -> bool:
        return self.type_ in COMPLAINTS


def read_feedback_report(mail: Mail) -> FeedbackReport | None:
    """None where the mail is not one."""
    text = next(mail.texts("message/feedback-report"), "")
    if not text:
        if "feedback-report" not in mail.parameters.lower():
            return None
        text = "Feedback-Type: abuse\n"  # the part was lost on the way
    fields, _ = split(text.strip("\n") + "\n\n")
    named = fields.all("original-rcpt-to", "removal-recipient")
    recipients = [spec_in(value) for value in named]
    type_ = fields.get("feedback-type").strip().lower() or "abuse"
    by = fields.get("user-agent") or mail.fields.get("from")
    said = f"{type_}, reported by {by}" if by else type_
    return FeedbackReport(type_, tuple(filter(None, recipients)), said)
