"""preview: the names of columns are known in every script, and those in quotes too."""

from __future__ import annotations

import re

import pytest

from campaign.preview.app import simple_name
from campaign.preview.workbench import words_used

CELLS = {"姓名": "王小明", "prénom": "Zoë", "नाम": "आशा", "First Name": "Ada", "last_name": "Byron"}


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{{ 姓名 }}", "王小明"),
        ("{{ prénom }} {{last_name}}", "Zoë Byron"),
        ("{{ नाम }}", "आशा"),
        ('{{ columns["First Name"] }} {{ last_name }}', "Ada Byron"),
        ("{{ columns['姓名'] }}", "王小明"),
        ("{{ unknown }}", ""),
        ("{{ 姓名 | upper }}", ""),
        ("{% if 姓名 %}x{% endif %}", ""),
        ("", ""),
    ],
)
def test_a_list_shows_names_of_columns_in_any_script(template: str, name: str) -> None:
    assert simple_name(template, CELLS) == name


def test_every_column_a_template_uses_is_marked_used() -> None:
    texts = [
        "{{ 姓名 }} {{ नाम | upper }}",
        "{{ columns['First Name'] }} {% if prénom %}{% endif %}",
    ]
    used = words_used(texts, re.compile(r"\{[{%].*?[%}]\}", re.DOTALL))
    assert {"姓名", "नाम", "First Name", "prénom"} <= used
