"""The records that travel between rooms are what their fields say."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from campaign.records import Change, Claim, Job, Letter, Message, Record, State
from campaign.rendering.draft import Draft

CLAIM = Claim(1, 0, "a@b.example", "a@b.example", "b.example", "[]", 0, 0, 0, 0.0)


@pytest.mark.parametrize("kind", [Change, Claim, Draft, Job, Letter, Message])
def test_the_fields_of_a_record_are_those_it_is_made_of(kind: type[Record]) -> None:
    assert sorted(_made_of(kind)) == sorted(kind.FIELDS)


def _made_of(kind: type[Record]) -> list[str]:
    """By the source: compiled, not every signature is to be had."""
    source = Path(__file__).parents[1] / (kind.__module__.replace(".", "/") + ".py")
    body = ast.parse(source.read_text(encoding="utf-8")).body
    (made,) = [
        each for each in body if isinstance(each, ast.ClassDef) and each.name == kind.__name__
    ]
    (init,) = [
        each for each in made.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"
    ]
    return [argument.arg for argument in init.args.args[1:]]


def test_records_are_equal_when_their_fields_are() -> None:
    one, same = (Job(1, 0, "a@b.example", "k", "[]") for _ in range(2))
    assert one == same
    assert hash(one) == hash(same)
    for other in (Job(2, 0, "a@b.example", "k", "[]"), Job(1, 0, "a@b.example", "k", "[]", "x")):
        assert one != other
    assert one != CLAIM
    assert CLAIM != (1, 0, "a@b.example")


def test_a_record_shows_its_fields_and_not_a_whole_letter() -> None:
    letter = Letter(1, "s@b.example", "a@b.example", b"x" * 1000, 1000, False, CLAIM)
    shown = repr(letter)
    assert shown.startswith("Letter(row=1, sender='s@b.example', recipient='a@b.example', ")
    assert "wire=<1000 bytes>" in shown
    assert "claim=Claim(row=1, " in shown


def test_a_change_knows_the_state_that_is_left() -> None:
    change = Change(1, State.SENT, 1.0, 1, 1, 0, before=State.SENDING)
    assert repr(change).endswith("before=<State.SENDING: 'sending'>)")
