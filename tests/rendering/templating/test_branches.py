"""Which branches a row takes: said before the letter, and the letter is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.errors import TemplateError
from campaign.rendering.render import Renderer, TracingRenderer
from campaign.rendering.templating.branches import Traced, covering, traced
from fakes.prepared.letters import ADA, job, spec, write

BASE = (
    "<main>{% block b %}{% endblock %}</main>\n{%- if last_name %}\n{{ last_name }}{% endif -%}\n!"
)
BODY = """\
{% extends "layouts/base.html" %}
{% from "layouts/parts.html" import shout %}
{% block b %}
{% if first_name == "Ada" -%}
  {{ shout(first_name) }}
{%- elif first_name|length > 3 %} long {{ first_name }}
{% else %}{% endif %}
{% for c in first_name if c != "d" -%}
  {% if loop.last %}.{% else %}{{ c }},{% endif %}
{% else %}none{% endfor %}
{% raw %}{% if not a branch %}{% endraw %}{# {% if nor this %} #}
{% set x %}{% if last_name %}&{% endif %}{% endset %}{{ x }}
{% endblock %}
"""
PARTS = """\
{% macro shout(name) -%}
{% if name|length < 3 %}{{ name }}{% else %}{{ name|upper }}{% endif %}
{%- endmacro %}
"""
NAMES = ("Ada", "Grace", "Bo", "d", "<Ünal>")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "templates/layouts/base.html", BASE)
    write(tmp_path, "templates/layouts/parts.html", PARTS)
    write(tmp_path, "templates/spring/body.html", BODY)
    return tmp_path


def rendered_both(folder: Path, **message: str) -> list[tuple[bytes, Traced]]:
    given = {"html": "templates/spring/body.html", **message}
    campaign = spec(folder, **given)
    plain, tracing = Renderer(campaign), TracingRenderer(campaign)
    rows = [{**ADA, "first_name": name, "last_name": last} for name in NAMES for last in ("", "L")]
    return [(plain.render(job(row)).wire, traced(tracing.render(job(row)))) for row in rows]


def test_a_traced_letter_has_the_bytes_of_any_other(folder: Path) -> None:
    pairs = rendered_both(
        folder, subject="{% if last_name %}Dear{% else %}Hi{% endif %} {{ first_name }}"
    )
    assert [found.message.wire for _, found in pairs] == [wire for wire, _ in pairs]


def test_branches_are_named_as_people_find_them(folder: Path) -> None:
    (_, first), (_, second), *_ = rendered_both(folder)
    assert first.taken == {
        'body.html:4 if first_name == "Ada"',
        "layouts/parts.html:2 else",
        'body.html:8 for c in first_name if c != "d"',
        "body.html:9 if loop.last",
        "body.html:9 else",
        "body.html:12 not: if last_name",
        "layouts/base.html:2 not: if last_name",
    }
    assert second.taken - first.taken == {
        "body.html:12 if last_name",
        "layouts/base.html:2 if last_name",
    }


def test_all_branches_are_known_whichever_are_taken(folder: Path) -> None:
    pairs = rendered_both(folder)
    every = set(pairs[0][1].branches)
    assert {"body.html:6 elif first_name|length > 3", "body.html:7 else"} < every
    assert "layouts/parts.html:2 if name|length < 3" in every
    assert all(set(found.branches) == every for _, found in pairs)
    # Only Ada is shouted, and nobody's name is so short.
    assert every - set().union(*(found.taken for _, found in pairs)) == {
        "layouts/parts.html:2 if name|length < 3"
    }


def test_a_text_of_the_config_has_branches_too(folder: Path) -> None:
    subject = "{% if first_name == 'Ada' %}Dear{% endif %} {{ first_name }}"
    pairs = rendered_both(folder, subject=subject)
    assert "message.subject:1 if first_name == 'Ada'" in pairs[0][1].taken
    assert "message.subject:1 not: if first_name == 'Ada'" in pairs[-1][1].taken


def test_a_template_cannot_take_a_branch_by_itself(folder: Path) -> None:
    write(
        folder,
        "templates/spring/body.html",
        "{{ took is defined or 'False' }} {{ first_name }}",
    )
    assert all(b"False" in found.message.wire for _, found in rendered_both(folder))


def test_a_broken_template_is_the_same_fault(folder: Path) -> None:
    write(folder, "templates/spring/body.html", "{% if first_name %}\n{% endfor %}")
    campaign = spec(folder, html="templates/spring/body.html")
    with pytest.raises(TemplateError) as plain:
        Renderer(campaign)
    with pytest.raises(TemplateError) as tracing:
        TracingRenderer(campaign)
    assert str(plain.value) == str(tracing.value)


def test_a_few_rows_show_what_all_rows_show() -> None:
    first = {frozenset("a"): 1, frozenset("ab"): 2, frozenset("c"): 3}
    assert covering(first, 5) == [(2, ["a", "b"]), (3, ["c"])]
    assert covering(first, 1) == [(2, ["a", "b"])]
    assert covering({**first, frozenset("abc"): 4}, 5) == [(4, ["a", "b", "c"])]
    assert covering({frozenset(): 7}, 5) == [(7, [])]
    assert covering({}, 5) == []
