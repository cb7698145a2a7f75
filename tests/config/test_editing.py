"""Values of campaign.toml exchanged in place."""

from __future__ import annotations

import tomllib

import pytest

from campaign.config.editing import exchanged
from campaign.errors import ConfigError

SELECTOR = ("dkim", 0, "selector")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('[[dkim]]\nselector = "s1" # s1\n', '[[dkim]]\nselector = "s2" # s1\n'),
        ("[dkim]\r\nselector='s1'\r\n", '[dkim]\r\nselector="s2"\r\n'),
        ('dkim.selector = "s1"', 'dkim.selector = "s2"'),
        ('dkim = [{ a = 1, selector = "s1" }]', 'dkim = [{ a = 1, selector = "s2" }]'),
    ],
)  # fmt: skip
def test_the_value_is_another_and_nothing_else(before: str, after: str) -> None:
    assert exchanged(before, {SELECTOR: ("s1", "s2")}) == after


@pytest.mark.parametrize(
    "text",
    [
        "[[dkim]]\nselector = '''s1'''\n",
        '[[dkim]]\nselector = "s\\u0031"\n',
        'dkim = [{ domain = "s1", selector = "s1" }]\n',
        '[[dkim]]\nselector = "s3"\n',
    ],
)
def test_what_is_written_in_another_way_is_refused(text: str) -> None:
    tomllib.loads(text)
    with pytest.raises(ConfigError, match=r"dkim\.selector cannot be changed") as refused:
        exchanged(text, {SELECTOR: ("s1", "s2")})
    assert 'write dkim.selector = "s2" yourself' in refused.value.remedy


def test_another_value_on_the_line_is_never_taken_for_it() -> None:
    text = 'dkim = [{ domain = "s1", selector = "s\\u0031" }]\n'
    with pytest.raises(ConfigError):
        exchanged(text, {SELECTOR: ("s1", "s2")})
