"""What the API is sent and what it answers, as models; its OpenAPI document is made from them.

In: JSON.  Out: frozen models.  Touches: nothing.  Fails with pydantic's ValidationError.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from campaign.intake.requests import LetterRequest
from campaign.rendering.asked import EnclosedFile

BATCH_MAX = 1_000  # messages in one request
ATTACHMENTS_MAX = 50
_TEXT = 998  # characters of a header's value, and of other short texts

# In Unicode a lone surrogate is half a character: JSON can say it, and no message can.
Short = Annotated[str, Field(max_length=_TEXT)]
Name = Annotated[str, Field(min_length=1, max_length=64)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Attachment(_Body):
    """A file to send along."""

    name: str = Field(min_length=1, max_length=255, examples=["bill.pdf"])
    """Its name, without a path; what it is, is seen by its end."""
    content: str = Field(examples=["JVBERi0xLjQK"])
    """Base64 of its bytes."""


class MessageIn(_Body):
    """One letter to one person."""

    template: Name = Field(examples=["receipt"])
    """Name of a [template] in campaign.toml."""
    to: Short = Field(min_length=1, examples=["Ada Lovelace <ada@example.com>"])
    """An address, alone or with a name."""
    data: dict[str, Any] = Field(default={}, examples=[{"order": 1234}])
    """What the template is filled from. What is null counts as missing."""
    headers: dict[Name, Short] = Field(default={}, examples=[{"In-Reply-To": "<a1@example.com>"}])
    """Header fields to add."""
    attachments: list[Attachment] = Field(default=[], max_length=ATTACHMENTS_MAX)
    """Files to send along."""
    send_at: Short = Field(default="", examples=["2026-12-01T09:00:00+08:00"])
    """Not before this moment (RFC 3339, with an offset); empty: at once."""
    expires_at: Short = Field(default="", examples=["2026-12-01T10:00:00+08:00"])
    """Not from this moment on; the template's own limit holds where it is earlier."""
    list_: Annotated[str, Field(max_length=64)] = Field(
        default="", alias="list", examples=["newsletter"]
    )
    """The list that the letter's unsubscribe link leaves; empty: it has no such link."""

    def request(self, *, key: str, scope: str, templates: tuple[str, ...]) -> LetterRequest:
        """As the intake takes it."""
        return LetterRequest(
            to=self.to,
            template=self.template,
            data=self.data,
            headers=self.headers,
            attachments=tuple(EnclosedFile(each.name, each.content) for each in self.attachments),
            list=self.list_,
            send_at=self.send_at,
            expires_at=self.expires_at,
            key=key,
            scope=scope,
            templates=templates,
        )


class BatchIn(_Body):
    """Several letters; each is accepted or refused for itself."""

    messages: list[MessageIn] = Field(min_length=1, max_length=BATCH_MAX)
    """The letters. With an Idempotency-Key, each has the key with its place in the list."""


class AcceptedOut(_Body):
    """A letter that is kept for good."""

    id: str
    """For GET /v1/messages/{id}."""
    message_id: str
    """The Message-ID that every attempt has."""
    state: Literal["accepted", "suppressed"]
    """"suppressed": the person must not be written to, and gets nothing."""
    reason: str = ""
    """Why it is suppressed."""


class ErrorOut(_Body):
    """What is wrong, in a sentence."""

    error: str
    """The sentence."""
    remedy: str = ""
    """What to do about it."""
    template: str = ""
    """The template that was asked for."""
    file: str = ""
    """Where in the template: its file."""
    line: int = 0
    """And the line, from 1; 0: no line is to blame."""
    field: str = ""
    """What of the request is wrong, where that is one field: "messages.3.to"."""


class ItemOut(_Body):
    """What became of one letter of a batch: as it would have been answered alone."""

    status: int
    """202, 200, 409, 422, 429 or 503."""
    accepted: AcceptedOut | None = None
    """With 202 and 200."""
    error: ErrorOut | None = None
    """Otherwise."""
    replayed: bool = False
    """The same was accepted before."""


class BatchOut(_Body):
    """As many results as there were letters, in their order."""

    results: list[ItemOut]
    """One for each."""


class MessageOut(_Body):
    """How a letter stands."""

    id: str
    message_id: str
    to: str
    template: str
    state: Literal[
        "accepted", "suppressed", "planned", "deferred", "sending", "sent", "failed", "held",
        "skipped", "expired", "cancelled",
    ]  # fmt: skip
    """"accepted" until a run has taken it up; "suppressed" also where that was found out then."""
    reason: str = ""
    """Why it is in that state, where there is something to say."""
    attempts: int = 0
    """Tries."""
    code: int = 0
    """Of the last reply of a server; 0: none yet."""
    reply: str = ""
    """Its text."""
    accepted_at: str
    """RFC 3339."""
    sent_at: str = ""
    """RFC 3339; empty: it was not."""
    updated_at: str = ""
    """RFC 3339; of the last change."""
    expires_at: str = ""
    """RFC 3339; from then on it is not sent."""


class RenderedOut(_Body):
    """A letter as it would be sent; nothing was kept."""

    subject: str
    text: str
    html: str
    size_bytes: int
    message: str
    """All of it (RFC 5322), without the DKIM signature."""


class TemplateOut(_Body):
    """A template that this key may ask for."""

    name: str
    subject: str
    lane: Literal["first", "bulk"]
    in_doubt: Literal["resend", "hold"]
    expire_after_s: float


class TemplatesOut(_Body):
    """All of them."""

    templates: list[TemplateOut]
