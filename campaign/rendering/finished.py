"""Messages that an application has written itself, made ready for the wire.

In: the row of a finished message.  Out: a draft, or its problem.  Touches: nothing.

Nothing of it is changed but its line ends, and what RFC 6409 (8.1, 8.2) lets a submission server
add: a Message-ID and a Date where there is none.
"""

from __future__ import annotations

import re
from email.parser import BytesHeaderParser

from campaign.addresses.marks import LetterMarker
from campaign.errors import RenderError
from campaign.records import Job
from campaign.rendering.asked import asked_of
from campaign.rendering.draft import Draft
from campaign.rendering.mime import headers
from campaign.rendering.spec import RenderSpec

LINE_END = re.compile(rb"\r\n|\r|\n")  # as applications write them
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_LONGEST = 998  # bytes of a line (RFC 5322, 2.1.1)


def finished_draft(job: Job, spec: RenderSpec) -> Draft:
    """A problem is one of the message, as of any row."""
    try:
        message = whole_message(asked_of(job.data).message.encode("latin-1"))
    except RenderError as error:
        return Draft(job.row, [], 0, False, f"render: {error}")
    added = b""
    names = field_names(message)
    if b"message-id" not in names:
        marker = LetterMarker(spec.key, spec.campaign, spec.message_id_domain)
        added += f"Message-ID: {marker.marks(job.letter_key).message_id}\r\n".encode()
    if b"date" not in names:
        added += headers.text_field("Date", headers.date_text(job.date_s or spec.date_s))
    wire = added + message
    needs_smtputf8 = not wire.isascii() or not job.address.isascii()
    stuffed = re.sub(rb"^\.", b"..", wire, flags=re.MULTILINE)  # RFC 5321, 4.5.2
    return Draft(job.row, [stuffed], len(wire), needs_smtputf8)


def whole_message(message: bytes) -> bytes:
    """With CRLF at the end of each line and of the last.

    Raises RenderError for what no server takes: no From, no blank line behind the header, NUL, a
    line that is too long, 8-bit text in a body (which few relays are asked for).
    """
    lines = LINE_END.split(message)
    if lines[-1]:
        lines.append(b"")
    if any(len(line) > _LONGEST for line in lines):
        raise RenderError("a line of the message is longer than 998 bytes (RFC 5322, 2.1.1)")
    if b"\0" in message:
        raise RenderError("the message holds NUL")
    if b"from" not in field_names(message):
        raise RenderError("the message has no From field (RFC 5322, 3.6)")
    return b"\r\n".join(lines)


def message_id_of(message: bytes) -> str:
    """Its Message-ID on one line, as it stands; "" where it has none."""
    header = LINE_END.sub(b"\n", message).partition(b"\n\n")[0] + b"\n\n"
    return " ".join(str(BytesHeaderParser().parsebytes(header)["Message-ID"] or "").split())


def field_names(message: bytes) -> set[bytes]:
    """The fields of its header, in small letters."""
    found = set()
    for line in LINE_END.split(message):
        if not line:
            break
        if line[:1] not in b" \t" and (name := _FIELD.match(line)):
            found.add(name[1].lower())
    return found
