"""Who is claimed while the outcomes of others come in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from campaign.journal.reading.claiming import ClaimReader
from fakes.mail.scripted_smtp import Script, ScriptedServer, on, say
from fakes.prepared.sending import Mailing, relay

R3 = "r3@example.com"


def test_who_is_settled_while_the_due_ones_are_read_is_not_claimed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of the journal is older than the outcome; a busy machine makes such gaps."""
    read = ClaimReader._claims

    def late(self: ClaimReader, *asked: Any) -> list[Any]:
        found = read(self, *asked)
        if found:
            time.sleep(0.3)  # in which what was found is sent
        return found

    monkeypatch.setattr(ClaimReader, "_claims", late)
    script = Script(on("RCPT", say("450 4.7.1 come again"), where="r3@", times=1))
    with ScriptedServer(script) as server:
        ending = Mailing(tmp_path, relay(server)).send()
    assert (ending.exit_code, ending.sentence.partition(" after ")[0]) == (
        0,
        "every recipient is settled",
    )
    assert ending.passed(R3) == ["deferred", "sending", "sent"]
    assert ending.all_but() == {"sent"}
    assert sorted(letter.recipient for letter in server.accepted) == sorted(ending.states)
