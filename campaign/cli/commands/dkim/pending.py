"""A key that is to follow another, from the day it is made until the DNS shows it.

In: the file of the key that signs now.  Out: `Pending`.
Touches: a note beside that file, which all campaigns that sign with it find.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from campaign.errors import ConfigError


class Pending(NamedTuple):
    """The key that follows."""

    selector: str
    file: Path  # beside the one it follows


def note_of(key_file: Path) -> Path:
    """Where the note lies."""
    return key_file.with_name(f"{key_file.name}.next")


def read_pending(key_file: Path) -> Pending | None:
    """None where none follows.  Raises ConfigError for a note that is not one of ours."""
    note = note_of(key_file)
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        return Pending(str(said["selector"]), key_file.with_name(str(said["file"])))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        remedy = "remove it; the next `campaign dkim rotate` makes another key"
        raise ConfigError("this is not a note of a key", file=str(note), remedy=remedy) from None


def write_pending(key_file: Path, pending: Pending) -> None:
    """The note; there must be none."""
    with note_of(key_file).open("x", encoding="utf-8") as file:
        json.dump({"selector": pending.selector, "file": pending.file.name}, file)
        file.write("\n")
