"""The published schema and reference page are the model's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from campaign.config.schema import json_schema, markdown
from campaign.config.sections import fields_of, good_value, section_in
from campaign.config.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


def test_the_published_schema_is_the_model() -> None:
    published = json.loads((DOCS / "campaign.schema.json").read_text(encoding="utf-8"))
    assert published == json_schema(), "run `make schema`"


def test_the_published_reference_is_the_model() -> None:
    assert (DOCS / "config.md").read_text(encoding="utf-8") == markdown() + "\n", (
        "run `make schema`"
    )


def _keys(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{table}.{key}", entry)
        for table, definition in schema["$defs"].items()
        for key, entry in definition["properties"].items()
    ]


def test_every_key_has_a_sentence() -> None:
    assert [name for name, entry in _keys(json_schema()) if not entry.get("description")] == []


def test_the_schema_asks_for_what_toml_can_say() -> None:
    text = json.dumps(json_schema())
    assert '"null"' not in text
    assert all(not isinstance(entry.get("default"), float) for _, entry in _keys(json_schema()))


def test_unknown_keys_are_errors_in_every_table() -> None:
    schema = json_schema()
    tables = [schema, *schema["$defs"].values()]
    assert all(table["additionalProperties"] is False for table in tables)


@pytest.mark.parametrize(
    "name", [name for name, f in fields_of(Settings).items() if f.is_required()]
)
def test_every_required_key_has_an_example_that_is_right(name: str) -> None:
    field = fields_of(Settings)[name]
    example = good_value(field)
    section = section_in(field.annotation)
    if section:
        section.model_validate(example, context="without rules")
    else:
        assert isinstance(example, str)
