"""What pydantic found wrong, said in a sentence with a remedy.

In: pydantic's error type, path, input and context.  Out: `Mistake`.  Touches: nothing.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo

from campaign.config.positions import Path
from campaign.config.sections import field_at, fields_of, good_value, section_at, section_in
from campaign.config.settings import Secret, Settings

_KINDS = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": 'a duration such as "30s"',
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list in [ ]",
    "dict_type": "a table in { }",
}
_PLAIN = (str, int, list, dict)
_LONGEST_VALUE = 60  # characters of a value shown in a sentence


class Mistake(NamedTuple):
    """One thing that is wrong, at the key or element `path` leads to."""

    path: Path
    what: str
    remedy: str


def say(kind: str, path: Path, value: Any, context: Mapping[str, Any]) -> Mistake:
    """One pydantic error (its type, loc, input and ctx) as a person would put it."""
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    if kind == "extra_forbidden":
        return _unknown(path, key)
    if kind == "missing":
        return _missing(path, key)
    if kind == "value_error":
        what, _, remedy = str(context["error"]).partition("; ")
        return Mistake(path, f"{key}: {what}", remedy)
    field = field_at(path)
    section = section_in(field.annotation) if field else None
    if section is Secret:
        return _open_secret(path, key)
    if section is not None:
        return Mistake(
            path, f"{key} is {_show(value)}, not a table", f"write [{key}], its keys below"
        )
    return Mistake(path, *_about_value(kind, key, value, context, field))


def _about_value(
    kind: str, key: str, value: Any, context: Mapping[str, Any], field: FieldInfo | None
) -> tuple[str, str]:
    example = _example(key, field)
    is_value = f"{key} is {_show(value)}"
    if kind == "literal_error":
        return is_value, f"write {context['expected']}"
    if kind == "greater_than_equal":
        return is_value, f"it must be at least {context['ge']}"
    if kind == "greater_than":
        return is_value, f"it must be more than {context['gt']}"
    if kind == "less_than_equal":
        return is_value, f"it must be at most {context['le']}"
    if kind in ("too_short", "string_too_short"):
        return f"{key} is empty", example or "write a value, or leave the key out"
    if kind == "string_too_long":
        return f"{key} is too long", f"at most {context['max_length']} characters"
    if kind == "string_pattern_mismatch":  # only `name` has a pattern
        return is_value, 'use only small letters, digits and "-"'
    wanted = _KINDS.get(kind, "what belongs here")
    return f"{is_value}, not {wanted}", example or f"write {wanted}"


def _example(key: str, field: FieldInfo | None) -> str:
    """A line that would do: the field's own example, or its default."""
    value = field.examples[0] if field and field.examples else field and field.default
    return f"for example {key} = {toml(value)}" if value and isinstance(value, _PLAIN) else ""


def _open_secret(path: Path, key: str) -> Mistake:
    """A secret as plain text; the value is not shown."""
    return Mistake(
        path,
        f"{key} is written into the file",
        f'say where it comes from: {key} = {{ env = "NAME" }}, {{ file = ... }} or command',
    )


def _missing(path: Path, key: str) -> Mistake:
    field = field_at(path)
    assert field is not None, "only a field of ours can be missing"
    section = section_in(field.annotation)
    needed = (
        ", ".join(name for name, f in fields_of(section).items() if f.is_required())
        if section
        else ""
    )
    if needed:
        where = ".".join(str(step) for step in path if isinstance(step, str))
        return Mistake(path, f"[{where}] is missing", f"add it with its keys: {needed}")
    table = next((step for step in reversed(path[:-1]) if isinstance(step, str)), "")
    what = f"[{table}] has no {key}" if table else f"{key} is missing"
    return Mistake(path, what, f"add {key} = {toml(good_value(field))}")


def _unknown(path: Path, key: str) -> Mistake:
    section = section_at(path[:-1])
    assert section is not None, "only in a table of ours is a key unknown"
    table = ".".join(str(step) for step in path[:-1] if isinstance(step, str))
    what = f"unknown key '{key}'" + (f" in [{table}]" if table else "")
    if path[0] == "limits" and len(path) == 3 and key.isalpha() and len(key) <= 3:
        domain = f"{path[1]}.{key}"
        return Mistake(path, what, f'a domain needs quotes: [limits."{domain}"]')
    known = list(fields_of(section))
    if homes := _tables_with(key):
        return Mistake(path, what, f"it belongs {' or '.join(homes)}")
    if close := difflib.get_close_matches(key, known, 1):
        return Mistake(path, what, f"did you mean {close[0]}?")
    return Mistake(path, what, f"known here: {', '.join(known)}")


def _tables_with(key: str) -> list[str]:
    """Where this key is known: "in [relay]", "at the top of the file"."""
    homes = []
    for name, field in fields_of(Settings).items():
        section = section_in(field.annotation)
        if name == key:
            homes.append(f"outside, as [{name}]" if section else "at the top of the file")
        if section and key in fields_of(section):
            homes.append(f"in [{name}]")
    return homes


def toml(value: Any) -> str:
    """A value of text, numbers, lists and tables as TOML writes it on one line."""
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_bare(key)} = {toml(part)}" for key, part in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml(part) for part in value)}]"
    return json.dumps(value, ensure_ascii=False, default=str)  # equal for what is used here


def _bare(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else f'"{key}"'


def _show(value: Any) -> str:
    text = toml(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."
