"""Letters as files: an .eml and a page each, and an index to go through them.

In: finished letters.  Out: files that open in a mail program and in a browser, without network.
Touches: the folder it is given.

What a letter contains may be hostile: it is shown in a sandboxed frame under a policy that lets
nothing run and nothing be fetched.  The pages themselves have no script.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from campaign.errors import UsageError
from campaign.pages.letter import Opened, framed, take_apart
from campaign.rendering.templating.branches import Sampled, Sampling
from campaign.rendering.templating.templates import page_environment
from campaign.units import show_size

# Everything is forbidden but what the page itself brings: style, and images as data: URLs.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_LETTER = re.compile(r"\d{6,}\.(eml|html)")
_LOOK = Path(__file__).parent / "look"
_SHARED = Path(__file__).parents[1] / "pages" / "look"


class _Item(NamedTuple):
    """A line of the index."""

    row: int
    name: str  # of its files, without ending
    subject: str
    to: str
    taken: int  # branches
    adds: tuple[str, ...]


def write_files(
    folder: Path, campaign: str, letters: Iterable[Sampled], sample: Sampling | None = None
) -> int:
    """Write every letter and the index; the number of letters.  UsageError where it cannot."""
    pages = _Pages(campaign)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        items = []
        for shown in letters:
            name = f"{shown.row:06d}"
            letter = take_apart(shown.letter)
            _write(folder / f"{name}.eml", shown.letter)
            _write(folder / f"{name}.html", pages.letter(name, shown, letter).encode())
            to = letter.header("To")
            items.append(_Item(shown.row, name, letter.subject, to, len(shown.taken), shown.adds))
        _write(folder / "index.html", pages.index(items, sample).encode())
        _remove_others(folder, {item.name for item in items})
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename or folder}: {error.strerror or error}",
            remedy="name another folder",
        ) from error
    return len(items)


def _write(file: Path, content: bytes) -> None:
    """A new file is for its owner alone: it names people."""
    with open(file, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as opened:
        opened.write(content)


def _remove_others(folder: Path, names: set[str]) -> None:
    """Letters of an earlier preview, which nobody should take for these."""
    for file in folder.iterdir():
        if _LETTER.fullmatch(file.name) and file.stem not in names:
            file.unlink()


class _Pages:
    """The templates of these pages, which carry their styles in themselves."""

    def __init__(self, campaign: str) -> None:
        environment = page_environment(_LOOK)
        environment.filters["size"] = show_size
        environment.filters["number"] = lambda count: f"{count:,}".replace(",", "\u202f")
        sheets = [_SHARED / "base.css", _SHARED / "viewer.css", _LOOK / "files.css"]
        environment.globals["style"] = "".join(sheet.read_text("utf-8") for sheet in sheets)
        environment.globals["policy"] = _POLICY
        environment.globals["campaign"] = campaign
        self._index = environment.get_template("files_index.html")
        self._letter = environment.get_template("files_letter.html")

    def index(self, items: list[_Item], sample: Sampling | None) -> str:
        return self._index.render(items=items, sample=sample)

    def letter(self, name: str, shown: Sampled, letter: Opened) -> str:
        # The policy comes first, so that nothing in the letter can come before it.
        policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        html = policy + framed(letter, images=True, dark=False) if letter.html else ""
        return self._letter.render(name=name, shown=shown, letter=letter, html=html)
