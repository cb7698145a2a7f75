"""atheris: any text into the writer of header fields.

A field is refused, or it is lawful and the standard library reads back what went in.  Run by
`make fuzz`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["campaign"]):
    from campaign.rendering.mime import headers

from campaign.errors import RenderError
from fakes.mail.scanner import header_names
from fakes.prepared.letters import parse


def try_one(data: bytes) -> None:
    """One input: a subject, a display name and a file name at once."""
    text = atheris.FuzzedDataProvider(data).ConsumeUnicode(len(data))
    for write in (subject, mailbox, file_name):
        try:
            block = write(text)
        except (RenderError, UnicodeEncodeError):  # the latter is a lone surrogate
            continue
        judge(block, text)


def subject(text: str) -> bytes:
    return headers.text_field("Subject", text)


def mailbox(text: str) -> bytes:
    return headers.mailbox_field("To", text, "ada@example.com")


def file_name(text: str) -> bytes:
    return b"Content-Disposition: attachment%s\r\n" % headers.parameter("filename", text).encode()


def judge(block: bytes, text: str) -> None:
    """A lawful field that says what it was to say."""
    (name,) = header_names(block + b"\r\n")
    headers.verify(block, [name.encode()])
    field = parse(block + b"\r\n")[name]
    if name == "To":
        (found,) = field.addresses
        assert found.addr_spec == "ada@example.com"
        assert "".join(found.display_name.split()) == "".join(text.split())
    else:
        read = str(field) if name == "Subject" else field.params["filename"]
        assert read.strip() == text.strip()


if __name__ == "__main__":
    atheris.Setup(sys.argv, try_one)
    atheris.Fuzz()
