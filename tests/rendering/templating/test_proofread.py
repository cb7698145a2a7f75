"""What is wrong with templates is found before a row is rendered, and nothing is run for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from campaign.addresses.tokens import UnsubscribeTokens
from campaign.errors import TemplateError
from campaign.rendering.render import Renderer, UnsubscribeSpec
from campaign.rendering.sheet import Sheet
from campaign.rendering.templating.proofread import proofread
from campaign.rendering.templating.roots import Reach
from campaign.rendering.templating.templates import TemplateCompiler
from fakes.prepared.letters import ADA, job, spec, write


def faults(*args: object, **message: object) -> list[str]:
    return [str(error) for error in proofread(spec(*args, **message))]  # type: ignore[arg-type]


def test_a_campaign_without_faults_has_none(tmp_path: Path) -> None:
    write(tmp_path, "logo.png", "")
    write(
        tmp_path,
        "body.html",
        "{% set x = first_name %}{% for a in x %}{{ loop.index }}{{ a }}{% endfor %}"
        "{% macro m(p) %}{{ p }}{{ caller() }}{% endmacro %}{% call m(1) %}{% endcall %}"
        "{% if city is defined %}{{ city }}{% endif %}{{ land|default('x') }}"
        "{{ address }}{{ columns['first_name'] }}{{ range(3)|length }}<img src='cid:logo'>",
    )
    assert faults(tmp_path, html="body.html", inline={"logo": "logo.png"}) == []


def test_a_misspelt_column_is_named_once_a_file_with_a_suggestion(tmp_path: Path) -> None:
    write(tmp_path, "base.html", "\n{{ frist_name }}{{ frist_name }}{% block b %}{% endblock %}")
    write(tmp_path, "body.html", '{% extends "base.html" %}{% block b %}{{ x }}{% endblock %}')
    found = faults(
        tmp_path, html="body.html", subject="Dear {{ last_nam }}", templates=["base.html"]
    )
    assert found == [
        "message.subject:1: 'last_nam' is not a column (did you mean 'last_name'?)",
        "body.html:1: 'x' is not a column",
        "base.html:2: 'frist_name' is not a column (did you mean 'first_name'?)",
    ]


def test_a_column_that_one_list_lacks_is_named(tmp_path: Path) -> None:
    campaign = spec(tmp_path, ("email", "city"), subject="{{ city }}")
    both = replace(campaign, sources=(("email", "city"), ("email",)))
    assert [str(error) for error in proofread(both)] == [
        "message.subject:1: 'city' is a column of some of the lists only"
    ]


def test_an_unsubscribe_link_needs_an_unsubscribe_section(tmp_path: Path) -> None:
    assert faults(tmp_path, subject="{{ unsubscribe_url }}") == [
        "message.subject:1: 'unsubscribe_url' is not a column"
    ]


def test_an_image_that_is_not_inline_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "body.html", '\n<img src="cid:logo">')
    (fault,) = faults(tmp_path, html="body.html")
    assert fault.startswith("body.html:2: 'cid:logo' has no image (inline = { logo = ")


def test_nothing_is_run(tmp_path: Path) -> None:
    write(
        tmp_path,
        "body.txt",
        "{{ 'x'|center(10 ** 12) }}{{ 9 ** 9 ** 9 ** 9 }}{{ range(10 ** 12)|list }}"
        "{% set y %}{{ 'x'|center(10 ** 12) }}{{ 'x' * 10 ** 12 }}{% endset %}"
        "{% autoescape 'x'|center(10 ** 12) %}{{ ('x' * 10 ** 12)|length }}{% endautoescape %}"
        "{% if 'x'|center(10 ** 12) == 'x' %}{% elif 9 ** 9 ** 9 ** 9 %}{% endif %}",
    )
    assert faults(tmp_path, text="body.txt") == []


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("\n{{ city|upcase }}", 2, "No filter named 'upcase'. (did you mean upper?)"),
        ("\n\n{{ 1 if city is odder }}{{ city is odder }}", 3, "No test named 'odder'."),
        ("{% block b %}{% endblock %}\n{% block b %}{% endblock %}", 2, "block 'b' defined twice"),
        ("{% for x in 'a' %}" * 30 + "{% endfor %}" * 30, 0, "is nested too deeply"),
    ],
)
def test_a_template_that_does_not_compile_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    place = f":{line}" if line else ""
    write(tmp_path, "part.txt", text)
    write(tmp_path, "body.txt", "{% include 'part.txt' %}")
    with pytest.raises(TemplateError) as raised:
        faults(tmp_path, text="body.txt", templates=["part.txt"])
    assert str(raised.value).startswith(f"part.txt{place}: {what}")
    with pytest.raises(TemplateError) as raised:
        faults(tmp_path, subject=text)
    assert str(raised.value).startswith(f"message.subject{place}: {what}")


def test_a_filter_that_is_asked_for_first_may_be_unknown(tmp_path: Path) -> None:
    subject = "{% if 'upcase' is filter %}{{ city|upcase }}{% else %}{{ city|upper }}{% endif %}"
    assert faults(tmp_path, ("email", "city"), subject=subject) == []


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("{{ first-name }}", "first-name"),
        ("{{ user.name }}", "user.name"),
        ("{{ 客户 }}", "客户 编号"),
    ],
)
def test_a_column_that_is_not_one_word_is_pointed_at(
    tmp_path: Path, text: str, column: str
) -> None:
    write(tmp_path, "body.txt", text)
    campaign = spec(tmp_path, ("email", column), text="body.txt")
    assert f'columns["{column}"]' in proofread(campaign)[0].remedy


def test_a_row_has_every_name_of_ours_that_proofreading_lets_pass(tmp_path: Path) -> None:
    """Nor more: a name that is filled in and not known would be refused before it is."""
    unsubscribe = UnsubscribeSpec("https://example.com/u", "", tokens=UnsubscribeTokens(["s" * 32]))
    grouped = replace(spec(tmp_path, unsubscribe=unsubscribe), group_column="first_name")
    renderer = Renderer(grouped)
    sheet = Sheet(job(ADA, token=grouped.token_of("ada@example.com")))
    for step in renderer._steps[:1]:
        step(sheet)
    own = set(sheet.values) - set(ADA) - set(TemplateCompiler(Reach(tmp_path)).values())
    assert own == grouped.own_names
