"""campaign.toml as TOML, before anything in it is judged.

In: the path of a campaign.toml or of its folder.  Out: `ConfigFile`.  Touches: the file.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from campaign.errors import ConfigError, ConfigErrors

FILE_NAME = "campaign.toml"
JOURNAL_URL = "sqlite:///state/journal.sqlite"  # where [journal] does not say

_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TOML_REMEDIES = (
    ("Invalid value", 'text stands in quotes: key = "text"'),
    ("Cannot overwrite a value", "this key stands in the file twice: keep one"),
    ("Cannot declare", "this table stands in the file twice: keep one; several relays: [[relay]]"),
    ("Unclosed array", "close the list with ]"),
    ("Unterminated string", "close the text with a quote"),
    ("Illegal character '\\n'", "close the text with a quote before the line ends"),
    ("Expected '=' after a key", 'write key = "value"'),
    ("Unescaped '\\'", "write \\\\ for a backslash, or put the text in single quotes"),
)


class Whereabouts(NamedTuple):
    """Of a journal."""

    url: str
    folder: Path  # absolute; what the url is relative to


class ConfigFile(NamedTuple):
    """A campaign.toml that could be read, right or wrong."""

    name: str  # as the user calls it
    file: Path  # absolute
    text: str
    tables: dict[str, Any]
    sha256: str  # of the file's bytes, hex

    @property
    def folder(self) -> Path:
        return self.file.parent

    @property
    def journal(self) -> Whereabouts:
        """Where the journal is, provided that [journal] is right."""
        match self.tables:
            case {"journal": {"url": str(url)}}:
                return Whereabouts(url, self.folder)
        return Whereabouts(JOURNAL_URL, self.folder)


def read_config(path: Path) -> ConfigFile:
    """Raises ConfigErrors where there is no file, or no TOML in it."""
    file = path / FILE_NAME if path.is_dir() else path
    content = _read(file)
    text, tables = _parse(content, str(file))
    sha256 = hashlib.sha256(content).hexdigest()
    return ConfigFile(str(file), file.absolute(), text, tables, sha256)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise _alone(
            f"there is no {file}",
            remedy="name a campaign.toml or its folder; `campaign init DIR` writes a new one",
        ) from None
    except OSError as trouble:
        raise _alone(f"{file} cannot be read: {trouble.strerror}") from None


def _parse(content: bytes, name: str) -> tuple[str, dict[str, Any]]:
    """Text and tables of a TOML file; a byte order mark, as Windows writes it, is passed over."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as trouble:
        line = content.count(b"\n", 0, trouble.start) + 1
        raise _alone(
            "this line is not UTF-8", file=name, line=line, remedy="save the file as UTF-8"
        ) from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as trouble:
        raise _syntax_error(str(trouble), text, name) from None


def _syntax_error(message: str, text: str, name: str) -> ConfigErrors:
    place = _TOML_PLACE.search(message)
    what = message[: place.start()] if place else message
    line, column = text.rstrip().count("\n") + 1, 0
    if place and place[1]:
        line, column = int(place[1]), int(place[2])
    remedy = next((remedy for start, remedy in _TOML_REMEDIES if what.startswith(start)), "")
    return _alone(
        f"this is not TOML: {what[:1].lower()}{what[1:]}",
        file=name,
        line=line,
        column=column,
        remedy=remedy,
    )


def _alone(
    what: str, *, file: str = "", line: int = 0, column: int = 0, remedy: str = ""
) -> ConfigErrors:
    return ConfigErrors([ConfigError(what, file=file, line=line, column=column, remedy=remedy)])
