"""Single values of campaign.toml exchanged, everything around them left as it is.

In: the text of the file, which value where.  Out: the new text.  Touches: nothing.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from campaign.config.positions import Path, Positions
from campaign.errors import ConfigError


def exchanged(text: str, changes: Mapping[Path, tuple[str, str]]) -> str:
    """The text with other strings at these paths: path -> (before, after).

    Raises ConfigError, without a file, where one does not stand on the line of its key just once.
    """
    positions = Positions(text)
    lines = text.splitlines(keepends=True)
    wanted = tomllib.loads(text)
    for path, (before, after) in changes.items():
        at = positions.line(path) - 1
        quoted = re.compile(rf"""(?<!["'])(["']){re.escape(before)}\1(?!["'])""")
        places = list(quoted.finditer(lines[at]))
        if len(places) != 1:
            raise _by_hand(path, after, at + 1)
        found = places[0]
        new = json.dumps(after, ensure_ascii=False)
        lines[at] = lines[at][: found.start()] + new + lines[at][found.end() :]
        _put(wanted, path, after)
    changed = "".join(lines)
    if tomllib.loads(changed) != wanted:  # what was exchanged is another value on that line
        path, (_, after) = next(iter(changes.items()))
        raise _by_hand(path, after, positions.line(path))
    return changed


def _put(tables: Any, path: Path, value: str) -> None:
    """A table may stand alone where the settings have a list of them."""
    for step in path[:-1]:
        if isinstance(step, str) or isinstance(tables, list):
            tables = tables[step]
    tables[path[-1]] = value


def _by_hand(path: Path, after: str, line: int) -> ConfigError:
    key = ".".join(step for step in path if isinstance(step, str))
    remedy = f"write {key} = {json.dumps(after, ensure_ascii=False)} yourself"
    return ConfigError(f"{key} cannot be changed here by a program", line=line, remedy=remedy)
