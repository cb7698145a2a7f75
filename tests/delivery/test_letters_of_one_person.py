"""duplicates = "allow": several letters to one person are several letters, each with its names."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.reading.results import message_ids
from campaign.outcomes import Result
from campaign.planning.plan import make_plan
from campaign.planning.sample import render_one
from fakes.clock import FakeClock
from fakes.mail.scripted_smtp import Script, ScriptedServer, on, say
from fakes.prepared.journals import URL, open_journal, sending
from fakes.prepared.sending import Mailing, relay

PEOPLE = ["ada@example.com", "bob@example.com", "Ada@example.com", "ADA@example.com"]
UNSUBSCRIBE = '[unsubscribe]\nurl = "https://example.org/u"\nsecret = { env = "SECRET" }'


def mailing(folder: Path, server: ScriptedServer, **how: object) -> Mailing:
    how.setdefault("people", PEOPLE)
    return Mailing(folder, relay(server), duplicates="allow", **how)  # type: ignore[arg-type]


def results(folder: Path) -> list[Result]:
    with closing(ClaimReader.open(URL, folder)) as reader:
        return list(reader.results())


def fields(data: bytes, name: str) -> list[str]:
    head = data.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode()
    return [line.partition(": ")[2] for line in head.split("\r\n") if line.startswith(f"{name}:")]


def test_each_letter_has_its_own_message_id_on_every_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of the tests")
    greylists = on("DOT", say("450 4.7.1 come again"), where="ADA@", times=1)
    with ScriptedServer(Script(greylists)) as server:
        going = mailing(tmp_path, server, more=UNSUBSCRIBE)
        assert set(going.send().states.values()) == {"sent"}
        found = [(x.recipient, *fields(x.data, "Message-ID")) for x in server.letters]
        links = {(x.recipient.lower(), *fields(x.data, "List-Unsubscribe")) for x in server.letters}
    assert len(found) == 5
    assert len(set(found)) == 4  # the second attempt has the same
    told = {(result.address, result.message_id) for result in results(tmp_path)}
    assert told == set(found)
    assert len({message_id for _, message_id in found}) == 4
    assert len(links) == 2  # who unsubscribes is a person
    assert audit(URL, tmp_path).is_clean


def test_the_first_letter_to_a_person_has_the_message_id_it_always_had(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        mailing(tmp_path, server).plan()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        record = reader.plan_record()
        assert [claim.repeat for claim in reader.claim_planned(0, 9)] == ["", "", "#3", "#4"]
    first, *_ = results(tmp_path)
    assert first.message_id == message_ids(record)("ada@example.com")


def test_an_amendment_leaves_the_names_of_letters_as_they_were(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        mailing(tmp_path, server).plan()
        before = results(tmp_path)
        more = mailing(tmp_path, server, people=[*PEOPLE, "eve@example.com", "Eve@example.com"])
        make_plan(more.write(), clock=FakeClock(), amend=True, render=False)
    after = results(tmp_path)
    assert [r.message_id for r in after[:4]] == [r.message_id for r in before]
    assert len({result.message_id for result in after}) == len(after) == 6


def test_a_relays_log_settles_one_letter_of_several_in_doubt(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        mailing(tmp_path, server).plan()
    journal = open_journal(tmp_path)
    journal.apply([sending(1), sending(3), sending(4)])
    third = results(tmp_path)[2].message_id
    assert [doubt.row for doubt in journal.resolve({third: "status=sent"}, 9.0)] == [3]
    journal.close()


def test_a_preview_shows_the_letter_of_the_row(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        campaign = mailing(tmp_path, server).plan()
    told = [result.message_id for result in results(tmp_path)]
    shown = [fields(render_one(campaign, row, None).letter, "Message-ID")[0] for row in (1, 3, 4)]
    assert shown == [told[0], told[2], told[3]]
