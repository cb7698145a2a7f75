"""Which people of an earlier campaign are meant: `exclude` and `only` in [recipients].

In: "../spring", "../spring: bounced", "../spring: not clicked".  Out: `EarlierPeople`.
Touches: nothing.  Fails with ValueError("what is wrong; what to write instead").

    FOLDER              who got a letter of that campaign, or may have a copy
    FOLDER: STATE       who stands there now: sent, failed, deferred, held, skipped ...
    FOLDER: KIND        of whom that came back: bounced, complained, clicked, replied ...
    FOLDER: not STATE   who is on its list and does not stand there
    FOLDER: not KIND    who got a letter, and of whom that did not come back
"""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple

from campaign.outcomes import EventKind
from campaign.records import State

GOT = "got"
_FORM = re.compile(r"(?P<folder>.*?\S)\s*:\s+(?P<no>not\s+)?(?P<word>[A-Za-z-]+)", re.DOTALL)
_STATES = frozenset(State)
_KINDS = frozenset(EventKind)


class EarlierPeople(NamedTuple):
    """folder: as it is written; word: a state, a kind of event, or "got"."""

    folder: str
    word: str
    is_not: bool


def read_earlier(text: str) -> EarlierPeople:
    """One entry of `exclude` or `only`."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        folder = text.strip()
        if not folder or folder.endswith(":"):
            raise ValueError(
                f"'{text}' names no people of an earlier campaign;"
                ' write "../spring", "../spring: bounced" or "../spring: not clicked"'
            )
        return EarlierPeople(folder, GOT, False)
    word = found["word"]
    if word not in _STATES and word not in _KINDS:
        known = [*_KINDS, *_STATES]
        close = difflib.get_close_matches(word, known, 1)
        remedy = f'write "{close[0]}"' if close else f"write one of {', '.join(sorted(known))}"
        raise ValueError(f"'{word}' is neither a state nor an event; {remedy}")
    return EarlierPeople(found["folder"], word, found["no"] is not None)
