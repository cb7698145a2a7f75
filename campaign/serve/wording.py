"""What the pages say, in which language.

In: TOML files, one a language; what a visitor's browser and link ask for.  Out: `Wording`.
Touches: the files beside this module, and those of the folder that [serve] names.

A file is called by its tag, such as `de.toml` or `zh-hant.toml`, and has the keys of
languages/en.toml.  One that is called like a file of ours may hold only what is to be different.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from campaign.errors import ConfigError
from campaign.languages import fallback_chain

DEFAULT = "en"
_OURS = Path(__file__).parent / "languages"
_FIELDS = frozenset({"address", "list"})
_RANGE = re.compile(r"\s*([A-Za-z0-9*-]{1,35})\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")
_RANGES_MOST = 20


@dataclass(frozen=True)
class Wording:
    """One language: its tag, and its texts by their keys."""

    tag: str
    texts: Mapping[str, str]

    def __getitem__(self, key: str) -> str:
        return self.texts[key]


class Wordings:
    """All languages there are."""

    def __init__(self, folder: Path | None) -> None:
        """Raises ConfigError for a file that cannot be used."""
        self._by_tag = {file.stem: Wording(file.stem, _read(file)) for file in _files(_OURS)}
        needed = self._by_tag[DEFAULT].texts
        for file in _files(folder) if folder else ():
            tag = next(fallback_chain(file.stem), "")
            if not tag:
                raise ConfigError(
                    f"{file.name} is not called by a language",
                    file=str(file),
                    remedy="call it de.toml, pt-br.toml ...",
                )
            texts = _read(file)
            if unknown := texts.keys() - needed.keys():
                raise ConfigError(
                    f"there is no text called {', '.join(sorted(unknown))}",
                    file=str(file),
                    remedy="docs/serve.md lists what there is",
                )
            if tag in self._by_tag:
                texts = {**self._by_tag[tag].texts, **texts}
            if missing := needed.keys() - texts.keys():
                raise ConfigError(
                    f"these texts are missing: {', '.join(sorted(missing))}",
                    file=str(file),
                    remedy="add them: a page is in one language",
                )
            self._by_tag[tag] = Wording(tag, texts)

    @property
    def all(self) -> list[Wording]:
        return sorted(self._by_tag.values(), key=lambda wording: wording.tag)

    def choose(self, asked: str, accepted: str) -> Wording:
        """`asked` is a locale, of the letter; `accepted` an Accept-Language (RFC 9110, 12.5.4)."""
        for locale in (asked, *_preferred(accepted)):
            for tag in fallback_chain(locale):
                if tag in self._by_tag:
                    return self._by_tag[tag]
        return self._by_tag[DEFAULT]


def _preferred(accepted: str) -> list[str]:
    """The languages of the header, best first."""
    ranges = []
    for part in accepted[:1000].split(",")[:_RANGES_MOST]:
        found = _RANGE.fullmatch(part)
        if found and (quality := float(found[2] or 1)) > 0:
            ranges.append((-quality, found[1]))
    return [tag for _, tag in sorted(ranges, key=lambda pair: pair[0])]


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.toml"))


def _read(file: Path) -> dict[str, str]:
    try:
        texts = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:  # of TOML, or of UTF-8
        raise ConfigError(f"this is not TOML: {error}", file=str(file)) from None
    for key, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise ConfigError(f"{key} is not a text", file=str(file), remedy=f'write {key} = "..."')
        _check_fields(file, key, text)
    return texts


def _check_fields(file: Path, key: str, text: str) -> None:
    """Raises ConfigError where the text could not be filled in."""
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        names = {text}
    if names - _FIELDS:
        raise ConfigError(
            f"{key} has braces that are neither {{address}} nor {{list}}",
            file=str(file),
            remedy="write {{ and }} for braces themselves",
        )
