"""What was made of a text is kept for the next letters, in bounded memory.

In: how it is made.  Out: a dict that makes what it lacks.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import AnyStr


class Kept(dict[AnyStr, AnyStr]):
    """A text -> what `make` makes of it when it is first looked up.

    A text that is not `shorter_than` so much is not worth its memory and made anew each time.
    """

    def __init__(self, make: Callable[[AnyStr], AnyStr], *, shorter_than: int, most: int) -> None:
        self._make: Callable[[AnyStr], AnyStr] = make
        self._shorter_than = shorter_than
        self._most = most

    def __missing__(self, text: AnyStr) -> AnyStr:
        made = self._make(text)
        if len(text) < self._shorter_than:
            if len(self) >= self._most:
                self.clear()  # those of all letters are back after the next one
            self[text] = made
        return made
