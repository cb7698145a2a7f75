"""Which variant of a text a recipient gets: `body.zh.html` beside `body.html`.

In: a text in several languages, the locale of a recipient.  Out: one of them.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from campaign.languages import fallback_chain

_REMEMBERED = 1000  # locales; a column of other things must not fill the memory

Text = TypeVar("Text")


class Variants(Generic[Text]):
    """One text in several languages."""

    def __init__(self, default: Text, variants: Mapping[str, Text]) -> None:
        self._default = default
        self._variants = variants
        self._known: dict[str, Text] = {}

    def pick(self, locale: str) -> Text:
        """The nearest variant: zh-Hant-TW, then zh-Hant, then zh, then the default."""
        if not self._variants or not locale:
            return self._default
        found = self._known.get(locale)
        if found is None:
            tags = (tag for tag in fallback_chain(locale) if tag in self._variants)
            tag = next(tags, "")
            found = self._variants[tag] if tag else self._default
            if len(self._known) < _REMEMBERED:
                self._known[locale] = found
        return found
