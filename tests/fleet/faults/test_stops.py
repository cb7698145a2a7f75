"""What stops one worker stops all: a sender that is refused, too much that comes back."""

from __future__ import annotations

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from pathlib import Path

import pytest

from campaign.config.loader import load
from campaign.fleet.keeping import SENDER, Keeping
from campaign.journal.sharing.leases import Joining
from campaign.journal.sharing.rates import tell_and_hear
from campaign.journal.sharing.shared import SharedJournal
from campaign.journal.states import CAME_BACK, REFUSED
from campaign.journal.writing.events import add_events
from campaign.outcomes import Event
from campaign.pool.fleet import Parties
from fakes.clock import FakeClock
from fakes.mail.recorder import Recorder, recorder
from fakes.prepared.journals import planned
from fakes.processes.crashing import CAMPAIGN
from fakes.processes.fleet import fleet_campaign, members, prove, until, until_letters, workers_in
from fakes.servers.postgresql import DatabaseServer

_COUNT = 200
_HOST = "127.0.0.2"  # whose sender the server refuses, from a moment on
_SENT = "SELECT row FROM standings WHERE state = 'sent' ORDER BY row LIMIT 25"


class Particular(Recorder):
    """A server that lets one host in, and takes nothing from its sender."""

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        if writer.get_extra_info("peername")[0] != _HOST:
            await super().serve(reader, writer)
            return
        writer.write(b"220 particular\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"MAIL":
                writer.write(b"550 5.7.1 Sender address rejected: not owned by user\r\n")
            elif verb == b"QUIT":
                break
            else:
                writer.write(b"250 Ok\r\n" if verb in (b"EHLO", b"RSET") else b"503 5.5.1 No\r\n")
        writer.close()


def run_of(database: DatabaseServer, url: str) -> list[tuple[object, ...]]:
    return database.ask("SELECT how FROM runs ORDER BY run", url.rpartition("/")[2])


def test_a_sender_refused_to_one_worker_stops_all_and_fails_nobody(
    tmp_path: Path, database: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakes.mail.recorder.Recorder", Particular)
    url = database.new_database()
    with recorder(at_least_s=1.0) as mail:
        folder = fleet_campaign(
            tmp_path / "c", mail, url, recipients=_COUNT, connections=3, policy="hold", lease_s=5.0
        )
        with workers_in(folder) as workers:
            workers.start("one")
            until_letters(mail, 5)
            workers.start("two", program=_from_there(tmp_path))
            assert workers.end_of("two") == 75
            assert workers.end_of("one") == 75
        assert mail.received.total() < _COUNT
    assert run_of(database, url) == [(REFUSED,)]
    assert {how for _, _, how, _ in members(database, url)} == {REFUSED}
    name = url.rpartition("/")[2]
    assert database.ask("SELECT failed, held, sending FROM totals", name) == [(0, 0, 0)]
    prove(folder, url)


def test_a_worker_that_ends_at_once_has_told_the_others_all_the_same(
    tmp_path: Path, database: DatabaseServer
) -> None:
    url = database.new_database()
    planned(tmp_path, 3, url=url).close()
    shared = SharedJournal.open(url, tmp_path, clock=FakeClock(), campaign="spring")
    assert shared is not None
    shared.join(Joining("one", "host", 1, 1.0, 5.0, 1), {}, None)
    keeping = Keeping(shared, Parties(lambda: 0.0), FakeClock())
    asyncio.run(keeping.finish(tell_refused=True))
    assert [party for party, _ in tell_and_hear(shared._session, 999, [])] == [SENDER]
    shared.close()


def _from_there(folder: Path) -> list[str]:
    """`campaign` whose `work` sends from that host's address."""
    script = folder / "campaign-there"
    script.write_text(f'#!/bin/sh\nexec {" ".join(CAMPAIGN)} "$@" --source {_HOST}\n')
    script.chmod(0o755)
    return [str(script)]


def test_too_much_that_comes_back_stops_all_workers_and_the_next_ones_count_anew(
    tmp_path: Path, database: DatabaseServer
) -> None:
    url = database.new_database()
    with recorder(0.3, at_least_s=0.2) as mail:
        folder = fleet_campaign(
            tmp_path / "c", mail, url, recipients=_COUNT, connections=4, policy="hold", lease_s=5.0
        )
        campaign = load(folder)
        with workers_in(folder) as workers:
            workers.start("one")
            workers.start("two")
            until_letters(mail, 50)
            mail.at_least_s = 2.0  # few more go until a worker looks at what came back
            until(lambda: len(database.ask(_SENT, url.rpartition("/")[2])) == 25)
            rows = database.ask(_SENT, url.rpartition("/")[2])
            now_s = time.time()
            add_events(
                *campaign.journal,
                [
                    Event(f"b {row}", row, now_s, "bounced", "recipient-gone", "", "test", "")
                    for (row,) in rows
                ],
            )
            assert {workers.end_of("one"), workers.end_of("two")} == {75}
        assert run_of(database, url) == [(CAME_BACK,)]
        assert mail.received.total() < _COUNT
        mail.at_once()
        with workers_in(folder) as workers:
            workers.start("three")
            assert workers.end_of("three") == 0, workers.said["three"]
    assert run_of(database, url)[0] == (CAME_BACK,)
    assert mail.received.total() == _COUNT
    assert set(mail.received.values()) == {1}
    prove(folder, url)
