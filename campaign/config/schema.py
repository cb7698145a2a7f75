"""The model told to others: a JSON Schema for editors, a reference page for people.

In: the models of `settings`.  Out: docs/campaign.schema.json, docs/config.md as text.
Touches: the source of `settings`, where the sentence about each key stands below it.

    python -m campaign.config.schema > docs/campaign.schema.json
    python -m campaign.config.schema --markdown > docs/config.md
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from typing import Any

from pydantic.fields import FieldInfo

from campaign.config import settings
from campaign.config.sections import fields_of, section_in
from campaign.config.settings import Secret, Section, Settings
from campaign.config.wording import toml
from campaign.units import show_duration

_WORDS = {
    "string": "text",
    "integer": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "table",
}
_HEADINGS = {"limits": '[limits."gmail.com"]', "template": "[template.receipt]"}
_INTRODUCTION = """\
# campaign.toml

One file describes a campaign. Paths in it are relative to the file itself. `campaign plan`, `run`
and every other command read it whole and report everything that is wrong at once, each fault with
its line and what to do about it, before any connection is made (exit code 78).

An editor that knows TOML schemas completes and checks the file when its first line is
`#:schema docs/campaign.schema.json` (the path or URL of that file). This page is made from the
same model: `make schema`.

Durations are a number and a unit: `30s`, `5m`, `2h`, `1d`, `1h30m`. Rates are a number per unit:
`50/s`, `100/min`, `2000/h`, `100000/day`; several rates hold together. Sizes: `500KB`, `10MB`.
A key that takes a list takes a single value too.
"""


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of campaign.toml."""
    schema = Settings.model_json_schema()
    _describe(schema, Settings)
    for name, definition in schema["$defs"].items():
        _describe(definition, getattr(settings, name))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "campaign.toml",
        "$defs": dict(sorted(schema["$defs"].items())),
    }


def markdown() -> str:
    """The reference page: one table of keys for each table of the file."""
    schema = json_schema()
    parts = [_INTRODUCTION, _table("The top of the file", Settings, schema, "")]
    for name, field in fields_of(Settings).items():
        section = section_in(field.annotation)
        if section:
            heading = _HEADINGS.get(name, f"[{name}]")
            is_needed = " Required." if field.is_required() else ""
            about = f"{_sentence(section)}{is_needed}"
            parts.append(_table(f"`{heading}`", section, schema["$defs"][section.__name__], about))
    about = f"{_sentence(Secret)} Written as an inline table with one of these keys."
    parts.append(_table("A secret", Secret, schema["$defs"]["Secret"], about))
    return "\n".join(parts)


def _describe(definition: dict[str, Any], section: type[Section]) -> None:
    """Put the sentences in, take out what TOML does not have: titles, null, unset defaults."""
    definition.pop("title", None)
    sentences = _sentences(section)
    for name, field in fields_of(section).items():
        entry = definition["properties"][name]
        entry.pop("title", None)
        branches = [part for part in entry.get("anyOf", []) if part != {"type": "null"}]
        if len(branches) == 1:
            del entry["anyOf"]
            entry.update(branches[0])
        default = entry.pop("default", None)
        if default is not None and not section_in(field.annotation):
            entry["default"] = _as_written(default)
        if name in sentences:
            entry["description"] = sentences[name]


def _as_written(default: Any) -> Any:
    """A default as the file would have it; the model's only floats are durations."""
    if isinstance(default, list):
        return [_as_written(part) for part in default]
    return show_duration(default) if isinstance(default, float) else default


def _sentences(section: type[Section]) -> dict[str, str]:
    """Key -> the string literal below its definition, on one line."""
    (body,) = ast.parse(inspect.getsource(section)).body
    assert isinstance(body, ast.ClassDef)
    names = {name: field.alias or name for name, field in section.model_fields.items()}
    found = {}
    for above, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(above, ast.AnnAssign) and isinstance(above.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[names[above.target.id]] = " ".join(text.split())
    return found


def _sentence(section: type[Section]) -> str:
    return inspect.cleandoc(section.__doc__ or "")


def _table(heading: str, section: type[Section], definition: dict[str, Any], about: str) -> str:
    lines = [f"## {heading}", ""]
    lines += [about, ""] if about else []
    lines += ["| key | value | default | |", "|---|---|---|---|"]
    for name, field in fields_of(section).items():
        entry = definition["properties"][name]
        if section is Settings and section_in(field.annotation):
            continue  # has a heading of its own
        default = f"`{toml(entry['default'])}`" if entry.get("default") not in (None, "") else ""
        if field.is_required():
            default = "required"
        about_key = entry.get("description", "")
        cells = (f"`{name}`", _value(entry, field), default, about_key)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _value(entry: dict[str, Any], field: FieldInfo) -> str:
    """What may be written, in a few words."""
    section = section_in(field.annotation)
    if section is Secret:
        return "a secret"
    if section:
        table = f"`{{ {', '.join(f'{name} = …' for name in fields_of(section))} }}`"
        kinds = [part.get("type") for part in entry.get("anyOf", ())]
        several = ", or a list of them" if "array" in kinds else ""
        return f"text or {table}{several}" if "string" in kinds else table
    if entry.get("format") == "date-time":
        return "moment, as `2026-12-01T09:00:00+08:00`"
    if "enum" in entry:
        return " ".join(f"`{toml(choice)}`" for choice in entry["enum"] if choice)
    choices = entry.get("items", {}).get("enum")
    if choices:
        return "list of " + " ".join(f"`{toml(choice)}`" for choice in choices)
    if entry.get("type") == "integer":
        bounds = [str(entry[key]) for key in ("minimum", "maximum") if key in entry]
        return "number " + (" to ".join(bounds) if len(bounds) == 2 else f"from {bounds[0]}")
    examples = entry.get("examples") or entry.get("items", {}).get("examples") or []
    kinds = [part["type"] for part in entry.get("anyOf", [entry])]
    kind = " or ".join(_WORDS[part] for part in kinds)
    return f"{kind}, as `{toml(examples[0])}`" if examples else kind


if __name__ == "__main__":
    is_page = "--markdown" in sys.argv[1:]
    print(markdown() if is_page else json.dumps(json_schema(), indent=2, ensure_ascii=False))
