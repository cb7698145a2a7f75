"""Which extension a protocol error is blamed on."""

import pytest

from campaign.pool.servers.blame import blamed
from campaign.records import Stage
from campaign.smtp.replies.parsing import make_reply

USED = frozenset({"PIPELINING", "SIZE", "DSN", "8BITMIME"})


@pytest.mark.parametrize(
    ("stage", "code", "text", "works", "guilty"),
    [
        (Stage.MAIL, 501, "5.5.4 syntax error", False, {"SIZE", "DSN", "8BITMIME"}),
        (Stage.MAIL, 501, "5.5.4 syntax error", True, set()),
        (Stage.MAIL, 555, "5.5.4 Unsupported option: SIZE=28", True, {"SIZE"}),
        (Stage.MAIL, 504, "BODY=8BITMIME not implemented", True, {"8BITMIME"}),
        (Stage.MAIL, 555, "ENVID=spring.1 unknown", False, {"DSN"}),
        (Stage.MAIL, 503, "5.5.1 nested MAIL command", True, {"PIPELINING"}),
        (Stage.MAIL, 554, "SMTP synchronization error", True, {"PIPELINING"}),
        (Stage.RCPT, 501, "syntax error", False, {"DSN"}),
        (Stage.RCPT, 501, "syntax error", True, set()),
        (Stage.RCPT, 501, "NOTIFY what", True, {"DSN"}),
        (Stage.RCPT, 503, "need MAIL before RCPT", True, {"PIPELINING"}),
        (Stage.DATA, 503, "need RCPT first", True, {"PIPELINING"}),
        (Stage.DATA, 500, "what", False, {"PIPELINING"}),
        (Stage.DATA, 500, "what", True, set()),
        (Stage.DATA, 501, "what", False, set()),
        (Stage.DOT, 503, "5.5.1 bad sequence", True, set()),
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
