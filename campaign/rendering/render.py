"""A row becomes a finished message.

In: what the campaign says (`RenderSpec`), one recipient (`Job`).  Out: `Message`.
Touches: template and attachment files, for reading.

The same job gives the same bytes, always: Date, Message-ID and boundary come from the plan.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.addresses.tokens import boundary
from campaign.errors import RenderError
from campaign.records import Job, Message
from campaign.rendering.body import Body
from campaign.rendering.head import Head, unsubscribe_url
from campaign.rendering.headers import ForbiddenCharacterError
from campaign.rendering.spec import Content, RenderSpec, UnsubscribeSpec
from campaign.rendering.templates import Workshop, is_constant
from campaign.units import show_size

if TYPE_CHECKING:
    from campaign.config.settings import Message as MessageSettings

__all__ = ["Content", "RenderSpec", "Renderer", "UnsubscribeSpec", "input_files"]

MESSAGE_MAX = 50_000_000  # bytes; no provider takes more: Gmail receives 50 MB at most


class Renderer:
    """Compiles everything once, then renders row after row.

    It runs code of the templates' author, so it belongs into a render worker.
    Raises TemplateError or ConfigError when it is made.
    """

    def __init__(self, spec: RenderSpec) -> None:
        folder = Path(spec.folder)
        self._spec = spec
        self._workshop = Workshop(folder)
        self._head = Head(self._workshop, spec)
        self._body = Body(self._workshop, folder, Content.of(spec.message))

    def render(self, job: Job) -> Message:
        """Raises RenderError, which says why this row cannot be sent."""
        columns = dict(zip(self._spec.sources[job.source], json.loads(job.data), strict=True))
        values = self._values(job, columns)
        try:
            head = self._head.fields(job, values)
            pieces = self._body.pieces(values, boundary(self._spec.key, job.key))
        except UnicodeEncodeError as error:
            char = error.object[error.start]
            what = f"U+{ord(char):04X} is half a character"
            raise _blamed(RenderError(what), char, columns) from None
        except ForbiddenCharacterError as error:
            raise _blamed(error, error.char, columns) from None
        wire = b"".join([self._head.constant, head, *pieces])
        if not wire.endswith(b"\r\n"):
            wire += b"\r\n"
        size = len(wire)
        if size > MESSAGE_MAX:
            limit = show_size(MESSAGE_MAX)
            raise RenderError(f"the message has {show_size(size)}, more than {limit}")
        wire = wire.replace(b"\r\n.", b"\r\n..")  # RFC 5321, 4.5.2; the first line is From
        return Message(job.row, wire, size, not job.address.isascii())

    def _values(self, job: Job, columns: dict[str, str]) -> dict[str, Any]:
        """What templates see: the row's columns, `columns`, `address`, `unsubscribe_url`.

        A column of one of the first two names keeps `address` and loses to `columns`.
        """
        values = self._workshop.values()
        values["address"] = job.address
        values.update(columns)
        values["columns"] = columns
        if url := unsubscribe_url(self._spec, job.key):
            values["unsubscribe_url"] = url
        return values


def input_files(folder: Path, message: MessageSettings | Content) -> list[Path]:
    """Every file whose change would change a letter, sorted; nothing is run, only parsed.

    Files whose names are made from cells are not known here.  Raises TemplateError.
    """
    workshop = Workshop(folder)
    templates = [message.text, message.html, message.markdown, message.calendar]
    found = {path for name in templates if name for path in workshop.files_of(name)}
    found |= {folder / path for path in message.inline.values()}
    found |= {folder / path for path in message.attachments if is_constant(path)}
    return sorted(found)


def _blamed(error: RenderError, char: str, columns: Mapping[str, str]) -> RenderError:
    """The same error, with the column that the character came from."""
    for column, cell in columns.items():
        if char in cell:
            return RenderError(f"{error.what}: it stands in column '{column}'")
    return error
