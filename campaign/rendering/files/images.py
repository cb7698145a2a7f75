"""Images inside the HTML: their parts, and the links that lead to them.

In: `inline` of [message], HTML in chunks.  Out: MIME entities, the same HTML.
Touches: the image files, for reading.  Fails with ConfigError or TemplateError, when it is made.

A Content-ID is a msg-id and unique in the world (RFC 2045, 7): templates say `cid:logo`, letters
`cid:logo.<32 hex digits>@<domain of From>`.  The digits are an HMAC over name and content, so the
same image has the same ID in every letter of a campaign, and no other image ever has it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from pathlib import Path

from campaign.errors import ConfigError
from campaign.rendering.files.attachments import fixed_file

_NAME = re.compile(r"[A-Za-z0-9._+@-]+")
_NO_ATOM = re.compile(r"[^A-Za-z0-9_+-]+")
_LINK = re.compile(r"\bcid:([A-Za-z0-9._+@-]+)")
_DIGITS = 32  # 128 bits


class Images:
    """The images of one campaign; `key` and `domain` are what their IDs are made with."""

    def __init__(self, folder: Path, inline: Mapping[str, str], key: bytes, domain: str) -> None:
        self.entities: list[bytes] = []
        self._ids: dict[str, str] = {}  # by the name that templates use
        for name, path in inline.items():
            if not _NAME.fullmatch(name):
                raise ConfigError(
                    f"message.inline: {name!r} cannot be written as cid:",
                    remedy="use letters, digits and . _ + - @ in the name",
                )
            plain = fixed_file(folder, path)  # with no ID yet: what the ID is made from
            tag = hmac.digest(key, b"content-id\0" + name.encode() + b"\0" + plain, "sha256").hex()
            content_id = f"{_NO_ATOM.sub('-', name)}.{tag[:_DIGITS]}@{domain}"
            self._ids[name] = content_id
            self.entities.append(fixed_file(folder, path, content_id=content_id))

    def pointed(self, html: str) -> str:
        """The HTML with every `cid:name` of ours as the Content-ID of that image."""
        return _LINK.sub(self._link, html) if "cid:" in html else html

    def _link(self, found: re.Match[str]) -> str:
        name = found[1]
        return f"cid:{self._ids.get(name, name)}"
