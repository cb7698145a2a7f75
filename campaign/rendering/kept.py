"""What was made of a text is kept for the next letters, in bounded memory.

In: how it is made.  Out: a dict that makes what it lacks.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")
_EACH = 100  # characters that keeping a text costs beside its own


class Kept(dict[str, Made]):
    """A text -> what `make` makes of it when it is first looked up.

    Texts of `most` characters together are kept, somewhat fewer where they are short.
    """

    def __init__(self, make: Callable[[str], Made], *, most: int) -> None:
        self._make: Callable[[str], Made] = make
        self._most = most
        self._room = most

    def __missing__(self, text: str) -> Made:
        made = self._make(text)
        size = len(text) + _EACH
        if size > self._most:
            return made
        if size > self._room:
            self.clear()  # those of all letters are back after the next one
            self._room = self._most
        self._room -= size
        self[text] = made
        return made
