"""On which line of a TOML file each key and each array element stands.

In: the text of a file that `tomllib` has read without error.  Out: `Positions`.
Touches: nothing.

`tomllib` gives values without places.  This walks over the same text a second time and only
counts lines; what is valid TOML has been settled before, so nothing is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_INDENT = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRINGS = [
    re.compile(r'"""(?:\\.|[^\\])*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\\n])*"'),
    re.compile(r"'[^'\n]*'"),
]
_SCALAR = re.compile(r"[^,\]}#\n]*")
_ESCAPE = re.compile(r'\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|["\\bfnrt])')
_ESCAPED = {'"': '"', "\\": "\\", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Positions:
    """Lines of a file by path: ("relay", 0, "port") and ("relay", "port") are the same place."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counts: dict[Path, int] = {}  # [[arrays of tables]] met so far
        self._lines: dict[Path, int] = {}
        self._walk()

    def line(self, path: Sequence[str | int]) -> int:
        """Line of the key, or of the nearest table around it that is written down; at least 1.

        A value that may stand alone or in a list is checked as a list, so an index that the
        file does not have is passed over.
        """
        whole = tuple(path)
        for end in range(len(whole), 0, -1):
            part = whole[:end]
            names = tuple(step for step in part if isinstance(step, str))
            for known in (part, names):
                if known in self._lines:
                    return self._lines[known]
        return 1

    def _walk(self) -> None:
        table: Path = ()
        while True:
            self._skip(_BLANK)
            if self._at >= len(self._text):
                return
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        is_array = self._text.startswith("[[", self._at)
        start = self._at
        self._at += 2 if is_array else 1
        names = self._names()
        self._at += 2 if is_array else 1
        around = self._inside((), names[:-1])
        for end in range(1, len(around) + 1):
            self._note(around[:end], start)
        path = (*around, names[-1])
        if is_array:
            count = self._counts.get(path, 0)
            self._counts[path] = count + 1
            self._note(path, start)
            path += (count,)
        self._note(path, start)
        return path

    def _inside(self, table: Path, names: list[str]) -> Path:
        """A dotted way down; through an array of tables it leads to the latest one."""
        path = table
        for name in names:
            path += (name,)
            if path in self._counts:
                path += (self._counts[path] - 1,)
        return path

    def _pair(self, table: Path) -> None:
        start = self._at
        path = table
        for name in self._names():
            path += (name,)
            self._note(path, start)
        self._at += 1  # "="
        self._skip(_INDENT)
        self._value(path)

    def _names(self) -> list[str]:
        """A key with its dots: a."b c".d; stops behind it."""
        names = []
        while True:
            self._skip(_INDENT)
            if self._text[self._at] in "\"'":
                names.append(_unquoted(self._string()))
            else:
                names.append(self._skip(_BARE_KEY))
            self._skip(_INDENT)
            if not self._text.startswith(".", self._at):
                return names
            self._at += 1

    def _value(self, path: Path) -> None:
        first = self._text[self._at : self._at + 1]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        elif first in ('"', "'"):
            self._string()
        else:
            self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while not self._closes("]"):
            self._note((*path, index), self._at)
            self._value((*path, index))
            index += 1
            self._comma()

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while not self._closes("}"):
            self._pair(path)
            self._comma()

    def _closes(self, bracket: str) -> bool:
        self._skip(_BLANK)
        if not self._text.startswith(bracket, self._at):
            return False
        self._at += 1
        return True

    def _comma(self) -> None:
        self._skip(_BLANK)
        if self._text.startswith(",", self._at):
            self._at += 1

    def _string(self) -> str:
        for pattern in _STRINGS:
            if found := pattern.match(self._text, self._at):
                self._at = found.end()
                return found[0]
        raise AssertionError("tomllib has accepted this string")

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        assert found is not None  # every pattern given here also matches nothing, or a key
        self._at = found.end()
        return found[0]

    def _note(self, path: Path, at: int) -> None:
        self._lines.setdefault(path, self._text.count("\n", 0, at) + 1)


def _unquoted(text: str) -> str:
    if text[0] == "'":
        return text[1:-1]

    def char(found: re.Match[str]) -> str:
        escape = found[1]
        return _ESCAPED.get(escape) or chr(int(escape[1:], 16))

    return _ESCAPE.sub(char, text[1:-1])
