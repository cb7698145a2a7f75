"""A parsed campaign.toml against the model: settings, and every fault in a plain sentence.

In: the dict that `tomllib` made.  Out: `Settings` and `Mistake`s.  Touches: nothing.

Pydantic asks for rules between keys only when every key is right by itself.  So each wrong value
is noted and a good one put in its place, and the rules are asked of the result: one look finds
everything.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from campaign.config.positions import Path
from campaign.config.sections import fields_of, good_value, section_at
from campaign.config.settings import WITHOUT_RULES, RuleError, Section, Settings
from campaign.config.wording import Mistake, say

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def validate(raw: Mapping[str, Any]) -> tuple[Settings, list[Mistake], set[Path]]:
    """Settings, faults, and the paths at which the settings are not what the file says."""
    try:
        return Settings.model_validate(raw), [], set()
    except ValidationError as trouble:
        errors = [error for error in trouble.errors(include_url=False) if not _is_rule(error)]
    faults = [
        say(error["type"], error["loc"], error["input"], error.get("ctx", {}))
        for error in errors
        if error["type"] != "too_short" or not _has_inner(error["loc"], errors)
    ]
    good = copy.deepcopy(dict(raw))
    mended = {_mend(good, error["loc"]) for error in errors}
    settings = Settings.model_validate(good, context=WITHOUT_RULES)
    for path, broken in _broken_rules(settings, ()):
        judged = [(*path, *key.split(".")) for key in broken.keys] or [path]
        if not any(is_within(at, mended) for at in judged):
            faults.append(Mistake(judged[0], broken.what, broken.remedy))
    return settings, faults, mended


def is_within(path: Path, places: set[Path]) -> bool:
    """Whether a path is one of the places or lies inside one."""
    return any(path[: len(place)] == place for place in places)


def _is_rule(error: ErrorDetails) -> bool:
    return isinstance(error.get("ctx", {}).get("error"), RuleError)


def _has_inner(path: Path, errors: list[ErrorDetails]) -> bool:
    """A list all of whose elements are wrong is not also too short."""
    return any(len(e["loc"]) > len(path) and e["loc"][: len(path)] == path for e in errors)


def _broken_rules(section: Section, path: Path) -> Iterator[tuple[Path, RuleError]]:
    for broken in section.rules():
        yield path, broken
    for name, field in type(section).model_fields.items():
        value, at = getattr(section, name), (*path, field.alias or name)
        parts: dict[Any, Any] = value if isinstance(value, dict) else {}
        if isinstance(value, tuple):
            parts = dict(enumerate(value))
        if isinstance(value, Section):
            yield from _broken_rules(value, at)
        for key, part in parts.items():
            if isinstance(part, Section):
                yield from _broken_rules(part, (*at, key))


def _mend(raw: dict[str, Any], path: Path) -> Path:
    """Make the innermost key at `path` good, or leave it out; its path."""
    for end in range(len(path) - 1, -1, -1):
        model, table, key = section_at(path[:end]), _value_at(raw, path[:end]), path[end]
        if model and isinstance(table, dict) and isinstance(key, str):
            field = fields_of(model).get(key)
            if field and field.is_required():
                table[key] = good_value(field)
            else:
                table.pop(key, None)
            return path[: end + 1]
    raise AssertionError("the whole file is a table")


def _value_at(raw: Any, path: Path) -> Any:
    value = raw
    for step in path:
        if isinstance(step, int) and not isinstance(value, list):
            continue  # one that stands alone is checked as a list of one
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value
