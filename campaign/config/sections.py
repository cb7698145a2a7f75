"""The model as a map: which table stands at a path, and what its keys are called.

In: paths such as ("relay", 0, "port").  Out: tables and fields of `settings`.  Touches: nothing.
"""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from campaign.config.positions import Path
from campaign.config.settings import Section, Settings


def section_at(path: Path) -> type[Section] | None:
    """The model of the table at a path; None where no table of ours stands."""
    model: type[Section] = Settings
    is_keyed = False  # inside `limits`, whose next step is a name of the user's
    for step in path:
        if isinstance(step, int):
            continue
        if is_keyed:
            is_keyed = False
            continue
        field = fields_of(model).get(step)
        inner = section_in(field.annotation) if field else None
        if field is None or inner is None:
            return None
        model, is_keyed = inner, get_origin(field.annotation) is dict
    return None if is_keyed else model


def fields_of(model: type[Section]) -> dict[str, FieldInfo]:
    """The fields of a table under the names they have in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def section_in(annotation: Any) -> type[Section] | None:
    """The table that a type holds, alone, optional, in a tuple or in a dict."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    inner = (section_in(part) for part in get_args(annotation))
    return next((section for section in inner if section), None)


def good_value(field: FieldInfo) -> Any:
    """A value a required field may have, as TOML would give it."""
    if field.examples:
        return field.examples[0]
    section = section_in(field.annotation)
    assert section is not None, "a required field needs an example"
    return {
        name: good_value(inner) for name, inner in fields_of(section).items() if inner.is_required()
    }


def field_at(path: Path) -> FieldInfo | None:
    """The field that a path leads to or into; None for an unknown key."""
    for end in range(len(path) - 1, -1, -1):
        section, key = section_at(path[:end]), path[end]
        if section and isinstance(key, str):
            return fields_of(section).get(key)
    return None
