"""Lines of keys, held against tomllib's reading of the same text."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from campaign.config.positions import Path, Positions

TRICKY = '''\
# [not.a.table]
title = "a # no comment"   # a comment

[recipients]
files = [     # the first
  "a]b.csv",  # "x",
  'c.csv',
]
text = """
[message]
subject = "not here"
"""
raw = \'\'\'
x = 1\'\'\'

[message . headers]
"Feedback-ID" = "x"
'X=Y' = "with = sign"
inline = { logo = "a.png", "b c" = { d = 1 } }

[[relay]]
host = "a"
[relay.password]
env = "A"

[[relay]]
host = "b"
client_certificate.cert = "c.pem"
[limits."gmail.com"]
rates = ["1/s",
         "2/s"]
"\\u006eame" = 1979-05-27T07:32:00Z
'''


def test_keys_stand_where_an_editor_shows_them() -> None:
    positions = Positions(TRICKY)
    assert {
        path: positions.line(path)
        for path in [
            ("title",),
            ("recipients",),
            ("recipients", "files", 0),
            ("recipients", "files", 1),
            ("recipients", "text"),
            ("recipients", "raw"),
            ("message", "headers", "Feedback-ID"),
            ("message", "headers", "X=Y"),
            ("message", "headers", "inline", "logo"),
            ("message", "headers", "inline", "b c", "d"),
            ("relay", 0, "host"),
            ("relay", 0, "password", "env"),
            ("relay", 1),
            ("relay", 1, "host"),
            ("relay", 1, "client_certificate", "cert"),
            ("limits", "gmail.com"),
            ("limits", "gmail.com", "rates", 1),
            ("limits", "gmail.com", "name"),
        ]
    } == {
        ("title",): 2,
        ("recipients",): 4,
        ("recipients", "files", 0): 6,
        ("recipients", "files", 1): 7,
        ("recipients", "text"): 9,
        ("recipients", "raw"): 13,
        ("message", "headers", "Feedback-ID"): 17,
        ("message", "headers", "X=Y"): 18,
        ("message", "headers", "inline", "logo"): 19,
        ("message", "headers", "inline", "b c", "d"): 19,
        ("relay", 0, "host"): 22,
        ("relay", 0, "password", "env"): 24,
        ("relay", 1): 26,
        ("relay", 1, "host"): 27,
        ("relay", 1, "client_certificate", "cert"): 28,
        ("limits", "gmail.com"): 29,
        ("limits", "gmail.com", "rates", 1): 31,
        ("limits", "gmail.com", "name"): 32,
    }


def test_a_key_that_is_missing_stands_where_its_table_does() -> None:
    positions = Positions(TRICKY)
    assert positions.line(("recipients", "address")) == 4
    assert positions.line(("relay", 1, "port")) == 26
    assert positions.line(("message", "subject")) == 16
    assert positions.line(("name",)) == 1


def test_a_value_that_stands_alone_is_found_as_the_first_of_a_list() -> None:
    positions = Positions('[relay]\nhost = "a"\nrates = "1/s"\n')
    assert positions.line(("relay", 0, "host")) == 2
    assert positions.line(("relay", 0, "rates", 0)) == 3


_names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=6)
_scalars = st.one_of(
    st.integers(-9, 10**6), st.booleans(), st.text(st.sampled_from("a#[]{}=,'\".\n é"), max_size=8)
)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3)
)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return "[" + "".join(f"\n {_toml(part)}, # ]\n" for part in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    return str(value)


def _paths(value: Any, path: Path) -> list[Path]:
    found = [path]
    parts = value.items() if isinstance(value, dict) else []
    if isinstance(value, list):
        parts = list(enumerate(value))
    for key, part in parts:
        found += _paths(part, (*path, key))
    return found


@given(st.dictionaries(_names, _values, max_size=4))
def test_every_path_of_any_file_is_found_at_or_below_its_key(tables: dict[str, Any]) -> None:
    text, starts = "# first\n", {}
    for name, value in tables.items():
        starts[name] = text.count("\n") + 1
        text += f"{_quoted(name)} = {_toml(value)}\n"
    assert tomllib.loads(text) == tables
    positions = Positions(text)
    ends = [*starts.values(), text.count("\n") + 1][1:]
    for (name, value), end in zip(tables.items(), ends, strict=True):
        assert positions.line((name,)) == starts[name]
        for path in _paths(value, (name,)):
            assert starts[name] <= positions.line(path) < end
