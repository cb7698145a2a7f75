"""Which branches of the templates a row takes: the bodies of `if`, `elif`, `else` and `for`.

In: tokens of templates; calls while a letter is rendered.  Out: names as people read them,
`body.html:31 if plan == "pro"`.  Touches: nothing.

Only a preview asks for it.  What is not there has a name too: `body.html:31 not: if note` is the
letter without the note.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from campaign.records import Message

_SHOWN = 60  # characters of a condition


class Traced(NamedTuple):
    """A message, and which of all branches it took; nothing where it could not be rendered."""

    message: Message
    branches: dict[str, bool]

    @property
    def taken(self) -> frozenset[str]:
        return frozenset(branch for branch, is_taken in self.branches.items() if is_taken)


class Sampled(NamedTuple):
    """A letter to look at, as it is stored."""

    row: int
    letter: bytes
    taken: tuple[str, ...] = ()  # its branches
    adds: tuple[str, ...] = ()  # those that no letter chosen before it shows


class Sampling(NamedTuple):
    """A few letters that stand for all."""

    letters: list[Sampled]
    shown: int  # branches that they show together
    left_out: list[str]  # branches that others take; more letters would show them
    untaken: list[str]  # branches that nobody takes


class Trace:
    """Collects what is taken; templates say so while they are rendered."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._taken: set[int] = set()

    def number(self, branch: str) -> int:
        """What stands for a branch in a compiled template."""
        return self._numbers.setdefault(branch, len(self._numbers))

    def took(self, number: int) -> None:
        """Called at the start of each branch."""
        self._taken.add(number)

    def clear(self) -> None:
        """Another letter begins."""
        self._taken.clear()

    def branches(self) -> dict[str, bool]:
        """All branches in the order of the templates; True for those taken since."""
        return {branch: number in self._taken for branch, number in self._numbers.items()}


def forks_of(tokens: Iterable[tuple[int, str, str]], file: str) -> list[list[str]]:
    """The branches of each `if` and `for` in the order of the source, the last one its `else`.

    `tokens` (line, kind, text) come from the template lexer, white space among them.
    """
    forks: list[list[str]] = []
    opened: list[list[str]] = []
    for line, words in _tags(tokens):
        place = f"{file}:{line}"
        if words[0] in ("if", "for"):
            forks.append([f"{place} {_shortened(words)}"])
            opened.append(forks[-1])
        elif words[0] == "elif":
            opened[-1].append(f"{place} {_shortened(words)}")
        elif words[0] == "else":
            opened[-1].append(f"{place} else")
        elif words[0] in ("endif", "endfor"):
            fork = opened.pop()
            if not fork[-1].endswith(" else"):
                first, _, condition = fork[0].partition(" ")
                fork.append(f"{first} not: {condition}")
    return forks


def line_of(branches: dict[str, bool]) -> bytes:
    """What is said of a letter, as a line before it on its way from a worker."""
    return json.dumps(branches).encode() + b"\r\n"


def traced(message: Message) -> Traced:
    """A message that came with such a line.  Raises ValueError for nonsense."""
    if message.problem:
        return Traced(message, {})
    said, _, wire = message.wire.partition(b"\r\n")
    branches = json.loads(said)
    if not isinstance(branches, dict):
        raise ValueError("the branches are missing")
    untraced = Message(
        message.row, wire, message.size_bytes, message.needs_smtputf8, snapshot=message.snapshot
    )
    return Traced(untraced, branches)


def covering(first: Mapping[frozenset[str], int], most: int) -> list[tuple[int, list[str]]]:
    """Rows that together show as many branches as `most` rows can, each with those it adds.

    `first` has a row for every set of branches that is taken.  Of each step the row that adds
    most; it ends early when there is nothing to add.
    """
    left = dict(first)
    shown: frozenset[str] = frozenset()
    chosen: list[tuple[int, list[str]]] = []
    while len(chosen) < most and left:
        best = max(left, key=lambda taken: (len(taken - shown), -left[taken]))
        if chosen and not best - shown:
            break
        chosen.append((left.pop(best), sorted(best - shown)))
        shown |= best
    return chosen


def _tags(tokens: Iterable[tuple[int, str, str]]) -> Iterator[tuple[int, list[str]]]:
    """Line and words of every `{% %}`."""
    start = 0
    words: list[str] | None = None
    for line, kind, text in tokens:
        if kind == "block_begin":
            start, words = line, []
        elif kind == "block_end":
            if words:
                yield start, words
            words = None
        elif words is not None and (words or kind != "whitespace"):
            words.append(text)


def _shortened(words: list[str]) -> str:
    text = " ".join("".join(words).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
