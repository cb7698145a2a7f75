"""[template.NAME] and [intake]: the letters of an open campaign, and how they are taken in.

In: plain dicts from TOML.  Out: frozen pydantic models.  Touches: nothing; files are looked at by
`checks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from campaign.config.settings.letter import MessageSettings
from campaign.config.settings.section import RuleError, Section
from campaign.config.values import Duration, Strings, Whole

TEMPLATE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# What a letter has of [message] where its template does not say otherwise.
_OWN = ("subject", "subjects", "text", "html", "markdown", "calendar")
_INSTEAD = ("from_", "reply_to")


class LetterTemplate(Section):
    """A letter of an open campaign, by the name applications ask for: [template.receipt]. What it
    does not say stands in [message]."""

    subject: str = Field(min_length=1, examples=["Your code is {{ code }}"])
    """The subject, a template."""
    subjects: dict[str, str] = Field(default={}, examples=[{"zh": "{{ code }}"}])
    """Subjects in other languages, by the locale that the data names."""
    text: str = Field(default="", examples=["letters/code.txt"])
    """Template file of the text part; made from the HTML where absent."""
    html: str = ""
    """Template file of the HTML part."""
    markdown: str = ""
    """Template file in Markdown, from which text and HTML are made."""
    calendar: str = ""
    """Template file of an invitation, sent as text/calendar."""
    from_: str = Field(default="", alias="from", examples=["Shop <receipts@example.com>"])
    """The author; empty: that of [message]."""
    reply_to: str = ""
    """Where answers go; empty: as [message] says."""
    inline: dict[str, str] = Field(default={}, examples=[{"logo": "logo.png"}])
    """Images shown inside the HTML, beside those of [message]."""
    attachments: Strings = Field(default=(), examples=[["terms.pdf"]])
    """Files sent along with each letter, after those of [message]."""
    headers: dict[str, str] = Field(default={}, examples=[{"Feedback-ID": "codes:example"}])
    """Header fields to add, beside those of [message]."""
    in_doubt: Literal["", "resend", "hold"] = Field(default="", examples=["hold"])
    """What becomes of a letter in doubt: "resend" for a receipt, which may come twice, "hold" for
    a code, which may not; empty: as [delivery] says."""
    expire_after: Duration | None = Field(default=None, examples=["10m"])
    """A letter not sent this long after it was accepted, or after its `send_at`, is given up; left
    out: as [delivery] says."""
    retry: tuple[Duration, ...] = Field(default=(), examples=[["10s", "30s", "1m"]])
    """Waits between attempts; empty: as [delivery] says."""
    lane: Literal["first", "bulk"] = "first"
    """"first" goes before "bulk" on the same relay, which keeps a tenth of the way."""

    def rules(self) -> Iterator[RuleError]:
        if not (self.text or self.html or self.markdown):
            yield RuleError(
                "the letter has no body",
                'name a template file: text = "letters/code.txt", html, or markdown',
                *("text", "html", "markdown"),
            )

    def over(self, message: MessageSettings) -> MessageSettings:
        """[message] as this template has it."""
        own = {name: getattr(self, name) for name in _OWN}
        own |= {name: given for name in _INSTEAD if (given := getattr(self, name))}
        return message.model_copy(
            update={
                **own,
                "inline": message.inline | self.inline,
                "attachments": (*message.attachments, *self.attachments),
                "headers": message.headers | self.headers,
            }
        )


class IntakeSettings(Section):
    """How an open campaign takes letters in."""

    backlog: Whole = Field(default=1_000_000, ge=1)
    """Letters that are accepted and not settled, at most; more are refused until some are."""
    keep: Duration = Field(default=7 * 86400.0, ge=60, examples=["7d"])
    """How long an Idempotency-Key is known, and at least until its letter is settled."""
    max_body: Whole = Field(default=10_000_000, ge=1000)
    """Bytes of one request at most, attachments and all."""
