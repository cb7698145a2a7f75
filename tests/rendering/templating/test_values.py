"""What may stand in a letter: text and numbers, and nothing that only Python would say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from campaign.errors import RenderError, TemplateError
from campaign.rendering.templating.environments import TemplateSandbox
from campaign.rendering.templating.formats import Formats
from campaign.rendering.templating.values import Columns
from fakes.prepared.letters import compiler_for

ROW = {"first_name": "Ada", "qty": "3", "price": "10", "items": "Tea", "values": "v", "copy": "c"}


def said(source: str, escaping: Any = "none", **values: Any) -> str:
    """By a template with the cells of ROW."""
    folder = Path("/nowhere")
    compiler = compiler_for(folder)
    row = Columns(ROW | {key: value for key, value in values.items() if isinstance(value, str)})
    seen = compiler.values() | row | {"columns": row, "rows": [row, row]} | values
    return compiler.text(source, "message.subject").render(seen)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ first_name.upper }}", "'upper' is a function: write upper()"),
        ("{{ 'x' ~ first_name.upper }}", "'upper' is a function"),
        ("{{ first_name.upper | string }}", "'upper' is a function"),
        ("{% set up = first_name.upper %}{{ up }}", "'upper' is a function"),
        ("{{ first_name['upper'] }}", "a function and not its result"),
        ("{{ range }}", "a function and not its result"),
        ("{{ 'x' ~ range }}", "a function and not its result"),
        ("{{ range | upper }}", "a function and not its result"),
        ("{{ '%s' | format(range) }}", "a function and not its result"),
        ("{{ lipsum }}", "a function and not its result"),
        ("{% macro m() %}x{% endmacro %}{{ m }}", "a function and not its result"),
        ("{{ rows }}", "a list: write"),
        ("{{ rows | first }}", "a whole row and not a cell"),
        ("{{ columns }}", "a whole row and not a cell"),
        ("{{ columns.keys() }}", "an expression gives a dict_keys and not a text"),
        ("{{ rows | join(', ') }}", "a whole row and not a cell"),
        ("{{ rows | groupby('qty') }}", "a list: write"),
        ("{{ {'a': 1} }}", "an object and not a text: write the name of one of its fields"),
        ("{{ (1, 2) }}", "a list: write"),
        ("{{ [1, 2] | map('string') }}", "a list: write"),
        ("{% for x in [1] %}{{ loop }}{% endfor %}", "not"),
        ("{{ qty == '3' }}", "True, not a text"),
        ("{{ namespace(a=1) }}", "a Namespace and not a text"),
        ("{{ rows | pprint }}", "No filter named 'pprint'"),
        ("{{ rows | map(attribute='nope') | list | length }}", "has no attribute 'nope'"),
        ("{{ rows | map(attribute='nope') | join }}", "has no attribute 'nope'"),
        ("{% for g in rows | groupby('nope') %}x{% endfor %}", "has no attribute 'nope'"),
        ("{{ rows | sum(attribute='nope') }}", "has no attribute 'nope'"),
        ("{{ columns['keys'] }}", "has no attribute 'keys'"),
        ("{{ qty * 2 }}", r"'\*' repeats the text '3'"),
        ("{{ 2 * qty }}", r"'\*' repeats the text '3'"),
        ("{{ qty + price }}", r"'\+' joins the texts '3' and '10'"),
        ("{% if qty > price %}x{% endif %}", "compared as texts, digit by digit"),
        ("{% if qty >= '10' %}x{% endif %}", "compared as texts, digit by digit"),
        ("{{ first_name | int }}", r"'Ada' is not a number: \| int\(0\) gives 0"),
        ("{{ '1,234' | float }}", "'1,234' is not a number"),
    ],
)
def test_what_only_python_would_say_costs_its_row(source: str, reason: str) -> None:
    with pytest.raises((RenderError, TemplateError), match=rf"message\.subject:1: .*{reason}"):
        said(source)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ columns.items }} {{ columns.values }} {{ columns.copy }}", "Tea v c"),
        ("{% for row in rows %}{{ row.items }}{{ row['copy'] }}{% endfor %}", "TeacTeac"),
        ("{{ rows | map(attribute='items') | join('+') }}", "Tea+Tea"),
        ("{{ rows | map(attribute='nope', default='-') | join }}", "--"),
        ("{% for n, all in rows | groupby('qty') %}{{ n }}{{ all | length }}{% endfor %}", "32"),
        ("{{ first_name.upper() }} {{ first_name | upper }}", "ADA ADA"),
        ("{{ (qty | int) * 2 }} {{ (qty | float) * 1.5 }}", "6 4.5"),
        ("{{ first_name | int(7) }} {{ '3.9' | int }}", "7 3"),
        ("{{ '-' * 3 }}{{ first_name + '!' }}{{ qty ~ price }}", "---Ada!310"),
        ("{% if qty | int < price | int %}less{% endif %}", "less"),
        ("{% if '2026-01-31' < '2026-02-01' %}before{% endif %}", "before"),
        ("{{ 1 / 4 }} {{ 7 // 2 }} {{ [1, 2] | sum }} {{ [3, 1] | max }}", "0.25 3 3 3"),
        ("{{ [1, 'a'] | join(', ') }} {{ 'a b' | title }}", "1, a A B"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(qty) ~ m(1) }}", "<3><1>"),
        ("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}", "ab"),
        ("{{ {'a': 1} | tojson }}", '{"a": 1}'),
        ("{{ '%-5s|' | format(qty) }}", "3    |"),
    ],
)  # fmt: skip
def test_text_and_numbers_are_printed(source: str, text: str) -> None:
    assert said(source) == text


@pytest.mark.parametrize(
    ("source", "asks"),
    [
        ("{{ n + 1 }}", False),
        ("{{ 1.5 + n }}", False),
        ("{{ qty + price }}", True),
        ("{{ qty + '1' }}", True),
        ("{{ n + 1 + price }}", True),
        ("{{ n * 2 }}", True),
    ],
)
def test_a_sum_with_a_number_in_it_asks_nobody_for_each_letter(source: str, asks: bool) -> None:
    """Only two texts can be digits that were meant as numbers; a loop counts in every letter."""
    environment = TemplateSandbox(None, "none", Formats())
    assert ("call_binop" in environment.compile(source, raw=True)) == asks


def test_sums_with_a_number_in_them_are_what_they_were() -> None:
    assert said("{{ n + 1 }} {{ 1.5 + n }} {{ -2 + n }} {{ n + 1 + n }}", n=4) == "5 5.5 2 9"
    with pytest.raises(RenderError, match="can only concatenate str"):
        said("{{ qty + 1 }}")


def test_nothing_is_computed_while_a_template_is_compiled() -> None:
    compiler = compiler_for(Path("/nowhere"))
    bomb = "{{ [1]|slice(10 ** 8)|list }}{{ 'x'|center(10 ** 12) }}{{ 'x'|indent(10 ** 12) }}"
    compiler.text(bomb, "message.subject")
