"""What a run tells while it goes on."""

from __future__ import annotations

from pathlib import Path

from campaign.records import State
from fakes.mail.scripted_smtp import Script, ScriptedServer, on, say
from fakes.prepared.sending import Mailing, relay


def test_a_run_that_waits_for_a_retry_says_when_and_names_no_time_left(tmp_path: Path) -> None:
    later = on("RCPT", say("450 4.2.0 later"), times=1)
    with ScriptedServer(Script(later)) as server:
        ending = Mailing(tmp_path, relay(server), people=3, retry=("3s",)).send()
    assert ending.all_but() == {"sent"}
    waiting = [
        view
        for view in ending.heard.views
        if (view.counts[State.SENT], view.counts[State.DEFERRED]) == (2, 1)
    ]
    assert any(view.waiting_for.startswith("next retry in ") for view in waiting)
    assert not any(view.left_s for view in waiting)
