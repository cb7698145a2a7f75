"""The languages of a campaign: tags, and the templates written in each of them.

In: the locale of a recipient, the path of a template.  Out: tags, paths.
Touches: the folder of a template, for reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")  # the shapes of BCP 47 in use


class Written(NamedTuple):
    """The files of one template."""

    default: str  # for recipients whose language has no file of its own
    variants: dict[str, str]  # tag -> file


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


def written_in(folder: Path, path: str, *, default_locale: str, by_locale: bool) -> Written:
    """The files that stand for the template `path`.

    `body.zh.html` stands for a `body.html` that is not there where zh is the default locale; where
    there is none of them, `path` itself, which its reader will miss.
    """
    if not by_locale and not default_locale:
        return Written(path, {})
    variants = variants_of(folder, path)
    if not (folder / path).exists():
        tags = (tag for tag in fallback_chain(default_locale) if tag in variants)
        path = variants.get(next(tags, ""), path)
    return Written(path, variants)
