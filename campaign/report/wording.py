"""The language of the report.

In: a locale.  Out: `ReportWords`, which says a sentence in that language.
Touches: languages/TAG.toml beside this module.

The English sentence is the key, so that the template reads as the page does; what a file lacks is
said in English, and a test asks that no file lacks anything.  Reasons of single rows and replies of
servers stay in the words they came in.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from campaign.errors import UsageError
from campaign.languages import fallback_chain
from campaign.units import show_duration

DEFAULT = "en"
_FOLDER = Path(__file__).parent / "languages"
_UNIT = re.compile(r"(?<=\d)(ms|[dhms])")


@dataclass(frozen=True)
class ReportWords:
    """One language: its tag, and its sentences by the English ones."""

    tag: str
    texts: Mapping[str, str]

    def say(self, text: str, **fields: object) -> str:
        """The sentence with its fields filled in, as str.format does it."""
        return self.texts.get(text, text).format(**fields)

    def say_of(self, count: int, one: str, many: str) -> str:
        """ "1 run", "2 runs": the sentence for a number, with {count} in it."""
        return self.say(one if count == 1 else many, count=f"{count:,}")

    def moment(self, at_s: float) -> str:
        """Unix time in the machine's own zone; "" for 0."""
        if not at_s:
            return ""
        written = self.say("%d %b %Y, %H:%M:%S")
        return datetime.fromtimestamp(at_s, UTC).astimezone().strftime(written)

    def day(self, at_s: float) -> str:
        """The day of a Unix time in the machine's own zone; "" for 0."""
        if not at_s:
            return ""
        written = self.say("%d %b %Y")
        return datetime.fromtimestamp(at_s, UTC).astimezone().strftime(written)

    def duration(self, span_s: float) -> str:
        """ "1h30m", with the language's own units."""
        return _UNIT.sub(lambda unit: self.say(unit[0]), show_duration(span_s))


def wording(locale: str) -> ReportWords:
    """In the language of a locale, or the next wider one that there is, else in English."""
    for tag in fallback_chain(locale):
        file = _FOLDER / f"{tag}.toml"
        if file.is_file():
            return ReportWords(tag, tomllib.loads(file.read_text(encoding="utf-8")))
    return ReportWords(DEFAULT, {})


def asked_wording(locale: str) -> ReportWords:
    """The same of a language that somebody asks for.  Raises UsageError where there is none."""
    found = wording(locale)
    if found.tag == DEFAULT and DEFAULT not in fallback_chain(locale):
        tags = ", ".join([DEFAULT, *sorted(file.stem for file in _FOLDER.glob("*.toml"))])
        raise UsageError(f"the report is not written in '{locale}'", remedy=f"it is in {tags}")
    return found
