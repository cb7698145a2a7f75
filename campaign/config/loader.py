"""campaign.toml as a `Campaign`, or every fault of it at once.

In: the path of a campaign.toml or of its folder.  Out: `Campaign`.
Touches: the file, whether the files it names are there, and its secrets if asked to.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaign.config.checks import check_files, check_secrets, check_values
from campaign.config.positions import Positions
from campaign.config.settings import Settings
from campaign.config.validation import is_within, validate
from campaign.errors import ConfigError, ConfigErrors

FILE_NAME = "campaign.toml"

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


@dataclass(frozen=True)
class Campaign:
    """A campaign.toml that was read and found good."""

    file: Path  # absolute
    folder: Path  # absolute; what the file names is relative to it
    settings: Settings
    sha256: str  # of the file's bytes, hex


def load(path: Path, *, need_secrets: bool = False) -> Campaign:
    """Read and check the whole file; `need_secrets` also fetches each secret once.

    Raises ConfigErrors with every fault, in the order of the file.
    """
    file = path / FILE_NAME if path.is_dir() else path
    content = _read(file)
    text, raw = _parse(content, str(file))
    settings, faults, mended = validate(raw)
    folder = file.absolute().parent
    found = [*check_values(settings), *check_files(settings, folder)]
    if need_secrets:
        found += check_secrets(settings, folder)
    faults += [fault for fault in found if not is_within(fault.path, mended)]
    if faults:
        positions = Positions(text)
        errors = [
            ConfigError(what, file=str(file), line=positions.line(at), remedy=remedy)
            for at, what, remedy in faults
        ]
        raise ConfigErrors(sorted(errors, key=lambda error: error.line))
    return Campaign(file.absolute(), folder, settings, hashlib.sha256(content).hexdigest())


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
