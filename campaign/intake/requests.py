"""What an application asks for, and what it is answered.

In: nothing.  Out: frozen records.  Touches: nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from campaign.intake.lasting import lasting
from campaign.rendering.asked import EnclosedFile

KEY_MAX = 256  # characters of an Idempotency-Key


@dataclass(frozen=True)
class LetterRequest:
    """One letter to one person.

    to: an address, or "Ada <ada@example.com>"
    template: name of a [template]; "" with `message`
    message: a finished message (RFC 5322) in place of a template, sent as it is
    data: what the template is filled from; what is null in it counts as missing
    headers: fields to add, such as In-Reply-To
    list: what its unsubscribe link leaves; "": the letter has none
    send_at, expires_at: RFC 3339 with an offset; "": at once, and as the template says
    key: Idempotency-Key; "" has none: the same request twice is two letters
    scope: whose key it is: credential and route.  The same key in two scopes is two keys.
    templates: the only ones that this credential may ask for; empty: all
    """

    to: str
    template: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    attachments: tuple[EnclosedFile, ...] = ()
    message: bytes = b""
    list: str = ""
    send_at: str = ""
    expires_at: str = ""
    key: str = ""
    scope: str = ""
    templates: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of all that is asked for, however it was written: SHA-256 over canonical JSON.

        A finished message counts without what libraries make anew whenever they write it out."""
        return self._digest_with(self.message and lasting(self.message))

    def is_told_by(self, digest: str) -> bool:
        """Whether a kept digest is of this very request.  Before 0.2 a finished message went into
        it byte for byte, and its digests are kept for as long as their keys are."""
        if digest == self.digest:
            return True
        return bool(self.message) and digest == self._digest_with(self.message)

    def _digest_with(self, message: bytes) -> str:
        asked = {  # named one by one: `asdict` copies the data, a tenth of what a letter costs
            "to": self.to,
            "template": self.template,
            "data": self.data,
            "headers": self.headers,
            "attachments": self.attachments,
            "message": hashlib.sha256(message).hexdigest(),
            "list": self.list,
            "send_at": self.send_at,
            "expires_at": self.expires_at,
        }
        said = json.dumps(asked, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class AcceptedRequest:
    """A letter that is kept for good, and will be sent, or is suppressed.

    id: for whoever asks what became of it
    message_id: in angle brackets, the same on every attempt
    state: "accepted", or "suppressed": its person must not be written to
    replayed: the same request was accepted before, and this is the answer it had
    """

    id: str
    message_id: str
    state: str
    replayed: bool = False
    reason: str = ""
    number: int = 0  # its row in the journal
