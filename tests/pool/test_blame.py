"""Which extension a protocol error is blamed on."""

from typing import Any, cast

import pytest

from campaign.pool.blame import Abstinence, blamed
from campaign.records import Stage
from campaign.smtp.extensions import Extensions
from campaign.smtp.protocol import Client, Phase
from campaign.smtp.replies import make_reply
from fakes.postman import endpoint_of, letter

USED = frozenset({"PIPELINING", "SIZE", "DSN", "8BITMIME", "CHUNKING"})


@pytest.mark.parametrize(
    ("stage", "code", "text", "works", "guilty"),
    [
        (Stage.MAIL, 501, "5.5.4 syntax error", False, {"SIZE", "DSN", "8BITMIME"}),
        (Stage.MAIL, 501, "5.5.4 syntax error", True, set()),
        (Stage.MAIL, 555, "5.5.4 Unsupported option: SIZE=28", True, {"SIZE"}),
        (Stage.MAIL, 504, "BODY=8BITMIME not implemented", True, {"8BITMIME"}),
        (Stage.MAIL, 555, "ENVID=spring.1 unknown", False, {"DSN"}),
        (Stage.MAIL, 503, "5.5.1 nested MAIL command", True, {"PIPELINING"}),
        (Stage.RCPT, 501, "syntax error", False, {"DSN"}),
        (Stage.RCPT, 501, "syntax error", True, set()),
        (Stage.RCPT, 501, "NOTIFY what", True, {"DSN"}),
        (Stage.RCPT, 503, "need MAIL before RCPT", True, {"PIPELINING"}),
        (Stage.DATA, 503, "need RCPT first", True, {"PIPELINING"}),
        (Stage.DATA, 500, "what", False, {"PIPELINING"}),
        (Stage.DATA, 500, "what", True, set()),
        (Stage.DATA, 501, "what", False, set()),
        (Stage.DOT, 502, "5.5.1 unknown command", True, {"CHUNKING"}),
    ],
)
def test_the_named_extension_or_one_that_never_worked_is_to_blame(
    stage: Stage, code: int, text: str, works: bool, guilty: set[str]
) -> None:
    assert blamed(stage, make_reply(code, (text,)), USED, works=works) == guilty


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT])
def test_what_a_letter_did_not_use_is_never_to_blame(stage: Stage) -> None:
    for code in (500, 501, 502, 503, 504, 555):
        reply = make_reply(code, ("SIZE NOTIFY BODY=8BITMIME",))
        assert not blamed(stage, reply, frozenset(), works=False)


def test_a_command_unknown_without_parameters_is_blamed_on_pipelining() -> None:
    reply = make_reply(500, ("command unrecognized",))
    assert blamed(Stage.RCPT, reply, frozenset({"PIPELINING", "SIZE"}), works=False) == {
        "PIPELINING"
    }


class Wire:
    """As much of a connection as is looked at."""

    def __init__(self, host: str = "a") -> None:
        self.endpoint = endpoint_of(25, host=host)
        self.session = Client()
        self.session.extensions = Extensions("", dict.fromkeys(USED, ""))
        self.is_finishing = False

    def finish(self) -> None:
        self.is_finishing = True

    @property
    def used(self) -> frozenset[str]:
        return self.session.uses(letter(1))


def test_each_host_is_judged_by_itself_and_each_extension_told_once() -> None:
    said: list[str] = []
    first, second, other = Wire(), Wire(), Wire("b")
    wires = cast(Any, [first, second, other])
    abstinence = Abstinence("site", wires, said.append)
    refusal = make_reply(555, ("SIZE what",))
    assert abstinence.excuses(wires[0], letter(1), Stage.MAIL, refusal)
    assert abstinence.excuses(wires[1], letter(2), Stage.MAIL, refusal)
    assert not abstinence.excuses(wires[0], letter(1), Stage.MAIL, refusal)  # once for a letter
    assert len(said) == 1
    assert [wire.is_finishing for wire in wires] == [True, True, False]
    for wire in wires:
        abstinence.prepare(wire)
    assert ["SIZE" in wire.used for wire in wires] == [False, False, True]


def test_one_connection_finds_out_about_chunking_and_then_all_use_it() -> None:
    first, second, third = wires = cast(Any, [Wire(), Wire(), Wire()])
    abstinence = Abstinence("site", wires, lambda line: None)
    abstinence.prepare(first)
    abstinence.prepare(second)
    for wire in (first, second):
        wire.session.envelope(letter(1), may_go_whole=True)
    assert [wire.session.phase for wire in (first, second)] == [Phase.WHOLE, Phase.ENVELOPE]
    first.session.whole()
    abstinence.accepted(second, letter(7))
    assert not abstinence.is_proven
    abstinence.accepted(first, letter(1))
    assert abstinence.is_proven
    abstinence.prepare(third)
    third.session.envelope(letter(3), may_go_whole=True)
    assert third.session.phase is Phase.WHOLE
