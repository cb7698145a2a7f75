"""Whatever a server does: nobody is told twice, nobody is missing, nothing accepted is a loss."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.mail.postman import PATIENT, Postman, endpoint_of, letter, run
from fakes.mail.scripted_smtp import (
    PIPELINING,
    SILENCE,
    Act,
    Rule,
    Script,
    ScriptedServer,
    on,
    say,
)

ACTS = st.sampled_from(
    [
        *[Act(b"", end=end) for end in ("drop", "reset")],
        SILENCE,
        *[say(f"{code} 5.0.0 x") for code in (421, 450, 500, 550, 554)],
        say("421 4.3.2 bye", end="drop"),
        say("550 5.7.1 no", end="reset"),
        say("250-a\n250 b"),
        say(b"garbage\r\n"),
        say(b"250-a\r\n350 b\r\n"),
        Act(extra=b"250 2.0.0 extra\r\n"),
        Act(extra=b"421 4.3.2 extra\r\n", end="drop"),
        Act(delay_s=0.01),
        Act(drip_s=0.0005),
    ]
)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    stage = draw(st.sampled_from(["MAIL", "RCPT", "DATA", "BODY", "DOT", "RSET", "QUIT"]))
    act = draw(ACTS)
    if stage == "BODY":  # what is said here and is no refusal cannot be told from the dot's reply
        act = draw(st.sampled_from([say("550 5.7.1 no", end="drop"), Act(b"", end="reset")]))
        act = replace(act, after_bytes=draw(st.sampled_from([1, 50_000])))
    if stage == "DATA" and act.reply and act.reply.startswith(b"250"):
        act = SILENCE
    return on(stage, act, nth=draw(st.integers(1, 4)), times=draw(st.integers(1, 2)))


@settings(max_examples=60)
@given(
    st.lists(rules(), max_size=3),
    st.sampled_from([PIPELINING, ("SIZE",)]),
    st.lists(st.sampled_from([20, 40_000, 300_000]), min_size=1, max_size=10),
    st.booleans(),
)
def test_the_books_of_client_and_server_agree(
    script: list[Rule], extensions: tuple[str, ...], sizes: list[int], uv: bool
) -> None:
    letters = [letter(row, body=b"x" * size) for row, size in enumerate(sizes, 1)]
    timeouts = replace(PATIENT, mail=0.15, rcpt=0.15, data=0.15, dot=0.15, block=0.1, rset=0.15)
    with ScriptedServer(Script(*script, extensions=extensions)) as server:
        endpoint = endpoint_of(server.port)
        postman = run(Postman(letters).travel(endpoint, connections=2, timeouts=timeouts), uv=uv)
        taken = [each.row for each in letters if each not in postman.waiting]
        told = [s.row for s in postman.settled] + [loss.row for loss in postman.losses]
        assert sorted(told) == taken
        assert len(postman.closings) == 2
        assert len(postman.in_doubt) <= 2
        accepted = {
            int(each.recipient.split("@")[0]) for each in server.accepted if each.recipients
        }
    assert set(postman.sent) <= accepted
    assert accepted <= {*postman.sent, *postman.in_doubt}
    assert not set(postman.lost_plainly) & accepted
