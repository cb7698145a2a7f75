"""8-bit text that an application sends although 8BITMIME was not offered, as many libraries do.

In: a message.  Out: the same in seven bits.  Touches: nothing.

RFC 6152 (3) has a server that may not pass such text on convert it.  Only bodies are: Base64 stands
for the bytes as they were, and says so.  What was signed stays as it is, and is refused.
"""

from __future__ import annotations

import base64
import email
from email.generator import BytesGenerator
from email.message import Message
from email.policy import compat32
from io import BytesIO

from campaign.rendering.finished import LINE_END, field_names

_ENCODING = "Content-Transfer-Encoding"
_POLICY = compat32.clone(linesep="\r\n", max_line_length=0)  # fields keep their lines


def in_seven_bits(message: bytes) -> bytes | None:
    """None where nothing but the application can do it: 8-bit text in a header, in what is signed,
    in what calls itself encoded, or that names no character set."""
    whole = LINE_END.sub(b"\r\n", message)
    header, _, _ = whole.partition(b"\r\n\r\n")
    if not header.isascii() or b"dkim-signature" in field_names(whole):
        return None
    parsed: Message = email.message_from_bytes(whole)
    if not all(_convert(part) for part in parsed.walk()):
        return None
    if "MIME-Version" not in parsed:
        parsed["MIME-Version"] = "1.0"
    written = BytesIO()
    BytesGenerator(written, mangle_from_=False, policy=_POLICY).flatten(parsed)
    return written.getvalue() if written.getvalue().isascii() else None


def _convert(part: Message) -> bool:
    """False where it cannot be."""
    if part.get_content_type() == "multipart/signed":
        return False
    declared = str(part.get(_ENCODING, "7bit")).strip().lower()
    if part.is_multipart():
        if _ENCODING in part:
            part.replace_header(_ENCODING, "7bit")
        return True
    if str(part.get_payload()).isascii():
        return True
    if declared not in ("7bit", "8bit", "binary") or "Content-Type" not in part:
        return False
    body = part.get_payload(decode=True)  # as it is, with these encodings
    assert isinstance(body, bytes)
    del part[_ENCODING]
    part[_ENCODING] = "base64"
    part.set_payload(base64.encodebytes(body).decode().replace("\n", "\r\n"))
    return True
