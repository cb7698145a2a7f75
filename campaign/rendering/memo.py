"""What was made of a text is kept for the next letters, in bounded memory.

In: how it is made.  Out: what was made.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

Made = TypeVar("Made")
_EACH = 100  # characters that keeping a text costs beside its own


class Memo(Generic[Made]):
    """What `make` makes of a text, once.

    Texts of `most` characters together are kept, somewhat fewer where they are short.
    """

    def __init__(self, make: Callable[[str], Made], *, most: int) -> None:
        self.known: Final[dict[str, Made]] = {}  # by text
        self._make: Callable[[str], Made] = make
        self._most = most
        self._room = most

    def of(self, text: str) -> Made:
        """Known or new."""
        known = self.known.get(text)
        return self._made_of(text) if known is None else known

    def _made_of(self, text: str) -> Made:
        made = self._make(text)
        size = len(text) + _EACH
        if size > self._most:
            return made
        if size > self._room:
            self.known.clear()  # those of all letters are back after the next one
            self._room = self._most
        self._room -= size
        self.known[text] = made
        return made
