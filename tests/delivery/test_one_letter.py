"""A letter that is sent again is the same letter, dated when it was first to be sent."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from fakes.mail.scripted_smtp import Act, Script, ScriptedServer, drop, on, say
from fakes.prepared.sending import Mailing, relay


class _Later:
    """The wall clock of three days later, for the run that follows the plan."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self._clock = SystemClock()

    def now_s(self) -> float:
        return self._clock.now_s() + self.ahead_s

    def tick_s(self) -> float:
        return self._clock.tick_s()

    def passed_s(self) -> float:
        return self._clock.passed_s()


@pytest.mark.parametrize(
    "first",
    [say("451 4.3.0 try again"), drop()],
    ids=["refused for now", "in doubt"],
)
def test_every_copy_is_the_same_bytes_dated_when_it_was_first_tried(
    tmp_path: Path, first: Act
) -> None:
    clock = _Later()
    with ScriptedServer(Script(on("DOT", first, times=1))) as server:
        mailing = Mailing(tmp_path, relay(server), people=1, retry=("1100ms",), clock=clock)
        mailing.plan()
        planned_s = clock.now_s()
        clock.ahead_s = 3 * 86_400.0
        ending = mailing.send()
    assert set(ending.states.values()) == {"sent"}
    one, again = (letter.data for letter in server.letters)
    assert one == again
    [line] = [line for line in one.split(b"\r\n") if line.startswith(b"Date: ")]
    dated_s = parsedate_to_datetime(line[6:].decode()).timestamp()
    assert -1 < dated_s - planned_s - 3 * 86_400 < 60  # Date has whole seconds


def test_who_may_have_a_copy_is_told_so_although_a_later_try_was_refused(tmp_path: Path) -> None:
    script = Script(
        on("DOT", drop(), times=1), on("RCPT", say("550 5.1.1 no such user"), session=1)
    )
    with ScriptedServer(script) as server:
        ending = Mailing(tmp_path, relay(server), people=1).send()
    [result] = ending.results.values()
    assert result.state == "failed"
    assert "may have a copy: an earlier final dot was not answered" in result.reason
