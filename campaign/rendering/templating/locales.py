"""Which variant of a template a recipient gets: `body.zh.html` beside `body.html`.

In: the path of a template, the locale of a recipient.  Out: the variant's path or template.
Touches: the template's folder, for reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")  # the shapes of BCP 47 in use
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


def fallback_chain(locale: str) -> Iterator[str]:
    """`zh_Hant_TW.UTF-8` -> zh-hant-tw, zh-hant, zh; nothing for what is not a locale."""
    tag = re.split(r"[.@]", locale.strip(), maxsplit=1)[0]
    if not _TAG.fullmatch(tag):
        return
    parts = re.split(r"[-_]", tag.lower())
    for count in range(len(parts), 0, -1):
        yield "-".join(parts[:count])


def variants_of(folder: Path, path: str) -> dict[str, str]:
    """Tag -> path of each variant that lies beside a template, in the order of their names."""
    main = Path(path)
    start, end = f"{main.stem}.", main.suffix
    found: dict[str, str] = {}
    for sibling in sorted((folder / path).parent.glob("*")):
        name = sibling.name
        middle = name[len(start) : len(name) - len(end)]
        if name.startswith(start) and name.endswith(end) and _TAG.fullmatch(middle):
            found[middle.lower().replace("_", "-")] = str(main.with_name(name))
    return found
