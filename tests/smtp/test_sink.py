"""Against Postfix's smtp-sink and the faults that it knows."""

from __future__ import annotations

import shutil

import pytest

from fakes.mail.postman import PATIENT, Postman, endpoint_of, letter, run
from fakes.mail.sink import smtp_sink

pytestmark = pytest.mark.skipif(
    not (shutil.which("smtp-sink") or shutil.which("/usr/sbin/smtp-sink")),
    reason="smtp-sink is not installed (Debian: postfix)",
)


def travel(*options: str, letters: int = 10, body: bytes = b"", uv: bool = True) -> Postman:
    with smtp_sink(*options) as sink:
        many = [letter(row, body=body) for row in range(1, letters + 1)]
        postman = Postman(many)
        return run(postman.travel(endpoint_of(sink.port), connections=2, timeouts=PATIENT), uv=uv)


def told(postman: Postman) -> list[int]:
    return sorted([s.row for s in postman.settled] + [loss.row for loss in postman.losses])


@pytest.mark.parametrize(
    "options", [(), ("-p",), ("-e",), ("-P",), ("-8",), ("-p", "-8"), ("-N",)], ids=" ".join
)
def test_letters_arrive_with_whatever_the_sink_offers(options: tuple[str, ...], uv: bool) -> None:
    assert travel(*options, uv=uv).sent == list(range(1, 11))


@pytest.mark.parametrize(("option", "code"), [("-f", 5), ("-r", 4)])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "."])
def test_a_refusal_at_each_stage_settles_every_letter(
    option: str, code: int, stage: str, uv: bool
) -> None:
    postman = travel(option, stage, uv=uv)
    assert told(postman) == list(range(1, 11))
    assert not postman.losses
    expected = "dot" if stage == "." else stage.lower()
    assert {where for where, _ in postman.refused.values()} == {expected}
    assert {reply // 100 for _, reply in postman.refused.values()} == {code}


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_a_connection_dropped_before_the_dot_leaves_nobody_in_doubt(stage: str, uv: bool) -> None:
    postman = travel("-q", stage, letters=2, uv=uv)
    assert told(postman) == [1, 2]
    assert postman.in_doubt == []


def test_a_connection_dropped_after_the_dot_leaves_one_letter_in_doubt(uv: bool) -> None:
    postman = travel("-q", ".", letters=2, uv=uv)
    assert told(postman) == [1, 2]
    assert 1 in postman.in_doubt


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "."])
def test_421_at_each_stage_refuses_one_letter_and_ends_the_connection(stage: str, uv: bool) -> None:
    postman = travel("-Q", stage, letters=2, uv=uv)
    assert told(postman) == [1, 2]
    assert {reply for _, reply in postman.refused.values()} == {421}
    assert postman.in_doubt == []


def test_an_early_550_of_the_sink_is_the_verdict(uv: bool) -> None:
    postman = travel("-A", "0", letters=2, body=b"x" * 2_000_000, uv=uv)
    assert told(postman) == [1, 2]
    assert {reply for _, reply in postman.refused.values()} == {550}
