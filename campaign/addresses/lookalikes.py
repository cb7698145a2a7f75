"""Domains that look like others (Unicode UTS 39, its "highly restrictive" level in short).

In: host names.  Out: why one deceives.  Touches: nothing.

The full tables of look-alikes are not here: a label is taken for deceiving where it mixes scripts
that nobody mixes, or is written in Cyrillic or Greek letters that all look Latin.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import idna

_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
_LIKE_LATIN = frozenset("асеорхуіјѕһԁӏԛԝаνοραυικ")


@lru_cache(maxsize=4096)
def deceit_of(host: str) -> str:
    """One clause; "" where a name is what it looks like."""
    for label in host.lower().split("."):
        shown = as_written(label)
        if shown.isascii():
            continue
        scripts = {_script(letter) for letter in shown if letter.isalpha()}
        if len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER):
            names = " and ".join(sorted(name.title() for name in scripts))
            return f"{host} ({shown}) mixes {names} letters"
        if scripts <= {"CYRILLIC", "GREEK"} and set(shown) <= _LIKE_LATIN:
            return f"{host} ({shown}) is written in letters that only look Latin"
    return ""


def as_written(label: str) -> str:
    """A label as people write it; as it stands, where that is not known."""
    if not label.lower().startswith("xn--"):
        return label
    try:
        return idna.decode(label.lower())
    except idna.IDNAError:
        return label


def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").split(" ")[0].split("-")[0]
