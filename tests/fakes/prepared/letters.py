"""Campaigns to render from: a spec, jobs, and the standard library's reading of a message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from campaign.config.settings import MessageSettings
from campaign.records import Job, Message
from campaign.rendering.render import Renderer, RenderSpec, UnsubscribeSpec
from campaign.rendering.templating.roots import Reach
from campaign.rendering.templating.templates import TemplateCompiler

ADA = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"}
KEY = b"k" * 32
DATE_S = 1_767_225_600.0  # 2026-01-01 00:00 UTC


def spec(
    folder: Path,
    columns: tuple[str, ...] = tuple(ADA),
    *,
    name: str = "",
    unsubscribe: UnsubscribeSpec | None = None,
    locale: str = "",
    default_locale: str = "",
    **message: Any,
) -> RenderSpec:
    """A campaign in `folder`; what is not given has a plain value."""
    given = {"from": "Ada Lovelace <ada@example.com>", "subject": "Hello", **message}
    if not given.keys() & {"text", "html", "markdown"}:
        write(folder, "body.txt", "Hello.\n")
        given["text"] = "body.txt"
    return RenderSpec(
        folder=str(folder),
        campaign="spring",
        message=MessageSettings.model_validate(given),
        name_template=name,
        sources=(columns,),
        key=KEY,
        date_s=DATE_S,
        unsubscribe=unsubscribe,
        locale_column=locale,
        default_locale=default_locale,
    )


def compiler_for(folder: Path, *templates: str, **options: Any) -> TemplateCompiler:
    """Of templates that lie beside each other in `folder`, or reach what `templates` declares."""
    return TemplateCompiler(Reach(folder, templates or (".",)), **options)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    """A file of the campaign, with its folders."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def job(
    row: Mapping[str, str] = ADA,
    number: int = 1,
    address: str = "ada@example.com",
    *,
    snapshot: str = "",
    repeat: str = "",
    token: str = "",
    date_s: float = 0.0,
) -> Job:
    """One recipient; the key is the address.  Without a date it is as a plan renders it."""
    cells = json.dumps(list(row.values()))
    return Job(number, 0, address, address, cells, snapshot, repeat, token, date_s)


def all_of(message: Message) -> tuple[object, ...]:
    """Everything it says, to be compared."""
    about = (message.row, message.size_bytes, message.needs_smtputf8)
    return (*about, message.wire, message.problem, message.snapshot)


def rendered(spec: RenderSpec, row: Mapping[str, str] = ADA) -> Message:
    """The message of one row of these cells."""
    address = row.get("email", "ada@example.com")
    return Renderer(spec).render(job(row, address=address))


def parsed(message: Message) -> EmailMessage:
    """As the standard library reads it, once the server has taken the dots away."""
    return parse(message.wire.replace(b"\r\n..", b"\r\n."))


def parse(wire: bytes) -> EmailMessage:
    """Bytes without dot-stuffing, by the standard library."""
    found = BytesParser(policy=policy.default).parsebytes(wire)
    assert isinstance(found, EmailMessage)
    return found


def part(message: EmailMessage, content_type: str) -> EmailMessage:
    """The one part of this type."""
    found = [part for part in message.walk() if part.get_content_type() == content_type]
    assert len(found) == 1, [part.get_content_type() for part in message.walk()]
    assert isinstance(found[0], EmailMessage)
    return found[0]


def text_of(message: EmailMessage, content_type: str = "text/plain") -> str:
    """The decoded text of the one part of this type, its line ends as \\n."""
    payload = part(message, content_type).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")
