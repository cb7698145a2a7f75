"""What an application asks for, as the row of an open campaign keeps it.

In: the parts of a request.  Out: `Job.data` of its row, and the parts again.  Touches: nothing.

A row's data is a JSON array of texts, as of any list: one for each of COLUMNS.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NamedTuple

from campaign.errors import RenderError

# Of every source of an open campaign.
COLUMNS = ("name", "data", "headers", "attachments", "message", "list", "send_at", "expires_at")
_LIST = COLUMNS.index("list")
_read = json.JSONDecoder().raw_decode


class EnclosedFile(NamedTuple):
    """A file that an application sends along."""

    name: str
    content: str  # base64


class AskedLetter(NamedTuple):
    """The parts of a request that letters are made from, and its times.

    data: a JSON object; what is null in it is not there
    message: a finished message (RFC 5322), each byte as the character of its number, in place of
        a template
    list: what the letter's unsubscribe link leaves; "" has none
    send_at, expires_at: RFC 3339; "" is at once, and as the template says
    """

    name: str = ""
    data: dict[str, Any] | None = None
    headers: dict[str, str] | None = None
    attachments: tuple[EnclosedFile, ...] = ()
    message: str = ""
    list: str = ""
    send_at: str = ""
    expires_at: str = ""

    def written(self) -> str:
        """As the data of a row."""
        return _json(
            (
                self.name,
                _json(self.data or {}),
                _json(self.headers) if self.headers else "",
                _json(self.attachments) if self.attachments else "",
                self.message,
                self.list,
                self.send_at,
                self.expires_at,
            )
        )


def asked_of(data: str) -> AskedLetter:
    """The inverse."""
    name, values, headers, attachments, *rest = _read(data)[0]
    return AskedLetter(
        name,
        _read(values)[0],
        _read(headers)[0] if headers else None,
        tuple(EnclosedFile(*each) for each in _read(attachments)[0]) if attachments else (),
        *rest,
    )


def list_of(data: str) -> str:
    """The list alone."""
    return str(_read(data)[0][_LIST])


def without_nulls(value: Any) -> Any:
    """What is null is not there: a template that prints it is told that it is missing."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value


def path_of(char: str, value: Any, path: str) -> str:
    """The first text that holds a character, as `data.lines[0].name`; "" where none does.

    path: what the value itself is called
    """
    inner: list[tuple[str, Any]] = []
    if isinstance(value, str):
        return path if char in value else ""
    if isinstance(value, dict):
        inner = [(f"{path}.{key}", each) for key, each in value.items()]
    elif isinstance(value, list):
        inner = [(f"{path}[{at}]", each) for at, each in enumerate(value)]
    found = (path_of(char, each, name) for name, each in inner)
    return next((each for each in found if each), "")


def content_of(enclosed: EnclosedFile) -> bytes:
    """Raises RenderError for what is not base64."""
    try:
        return base64.b64decode(enclosed.content, validate=True)
    except (binascii.Error, ValueError):
        raise RenderError(f"attachment {enclosed.name!r}: its content is not base64") from None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
