"""The files of a new campaign.

In: a folder that is not there yet, or empty.  Out: the files written.  Touches: that folder.
"""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from pathlib import Path

from campaign.errors import UsageError

_FILES = ("campaign.toml", "recipients.csv", "body.txt", "body.html")
# What names people, or is secret, must not be committed by `git add .`
_IGNORED = """# The journal with every address, rehearsals, and files that name people.
state/
rejects*.csv
results*
*-report.html
letters/
transcripts/

# Keys and passwords.
*.pem
*.key
.env
"""
_LONGEST_NAME = 64  # as config.settings has it


def write_campaign(folder: Path) -> list[Path]:
    """Write a small campaign that plans and previews as it is, named after its folder.

    Raises UsageError if anything is there already: nothing is ever overwritten.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} is there already and not an empty folder",
            remedy="name a folder that does not exist yet",
        )
    scaffold = resources.files("campaign.cli") / "scaffold"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        texts = {name: (scaffold / name).read_text("utf-8") for name in _FILES}
        texts |= {".gitignore": _IGNORED}
        return [_write(folder / name, text) for name, text in texts.items()]
    except OSError as trouble:
        raise UsageError(
            f"{folder} cannot be written: {trouble.strerror}", remedy="name another folder"
        ) from trouble


def _write(file: Path, text: str) -> Path:
    if file.name == "campaign.toml":
        text = text.replace('"NAME"', f'"{_name_of(file.parent)}"')
    file.write_text(text, encoding="utf-8", newline="\n")
    return file


def _name_of(folder: Path) -> str:
    """ "Spring Sale/" -> "spring-sale"; of other letters a name that no other folder has."""
    name = folder.resolve().name
    words = re.findall(r"[a-z0-9]+", name.lower())
    if words and name.isascii():
        return "-".join(words)[:_LONGEST_NAME].strip("-")
    # Campaigns must not all be called the same: their journals and Message-IDs go by the name.
    told_apart = hashlib.sha256(name.encode()).hexdigest()[:6]
    return "-".join([*words, told_apart] if words else ["campaign", told_apart])[-_LONGEST_NAME:]
