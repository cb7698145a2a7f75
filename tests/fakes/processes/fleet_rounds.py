"""Rounds of faults among the workers of a fleet, and what must hold after each campaign.

In: sizes, policy, seed, a database server, who starts the workers.  Out: a `FleetTally`;
AssertionError where the promise breaks.  Touches: campaign folders, processes, a recorder, the
database server.

Used by the tests of the promise and by `make fleet-kills`.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from fakes.mail.recorder import recorder
from fakes.processes.crashing import Tally, check
from fakes.processes.fleet import (
    LEASE_S,
    MOST_S,
    Workers,
    fleet_campaign,
    holding,
    how_it_stands,
    members,
    prove,
    until_letters,
)
from fakes.servers.postgresql import DatabaseServer


@dataclass
class FleetTally(Tally):
    """What the rounds showed, of a fleet."""

    halts: int = 0
    restarts: int = 0  # of the database server
    others: int = 0  # of whatever started the workers
    takeovers: int = 0


class Crew(Protocol):
    """The workers of one campaign, by whomever they are started."""

    def start(self) -> None: ...

    def names(self) -> set[str]:
        """Those that live."""

    def signal(self, name: str, number: signal.Signals) -> None: ...

    def kill(self, name: str) -> None:
        """It is gone when this returns; another one takes its place."""

    def harm_others(self, dice: random.Random) -> bool:
        """A fault of whatever starts the workers; False where there is none such."""

    @property
    def is_over(self) -> bool:
        """Whether somebody says that everybody is settled."""

    def finish(self) -> None:
        """Wait for the end.  AssertionError where it is another than that of a finished
        campaign."""


CrewIn = Callable[[Path, DatabaseServer, str, int], AbstractContextManager[Crew]]


class Processes:
    """`campaign work`, started by us."""

    def __init__(self, workers: Workers, count: int) -> None:
        self._workers = workers
        self._count = count

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        self._workers.stop()

    def start(self) -> None:
        for each in range(self._count):
            self._workers.start(f"w{each}")

    def names(self) -> set[str]:
        return set(self._workers.processes)

    def signal(self, name: str, number: signal.Signals) -> None:
        self._workers.signal(name, number)

    def kill(self, name: str) -> None:
        self._workers.kill(name)
        self._workers.start(name)

    def harm_others(self, dice: random.Random) -> bool:
        return False

    @property
    def is_over(self) -> bool:
        return bool(self._workers.ended())

    def finish(self) -> None:
        self._workers.end_all()
        for said in self._workers.said.values():
            assert "Traceback" not in said, said


def processes(folder: Path, database: DatabaseServer, url: str, count: int) -> Processes:
    """Implements `CrewIn`."""
    return Processes(Workers(folder, explain=partial(how_it_stands, database, url)), count)


def fleet_rounds(
    folder: Path,
    *,
    faults: int,
    recipients: int,
    connections: int,
    policy: str,
    seed: int,
    database: DatabaseServer,
    count: int = 3,
    restarts: float = 0.05,
    others: float = 0.1,
    hesitates_s: float = 0.03,
    crew_in: CrewIn = processes,
) -> FleetTally:
    """Kill, halt and restart at random until so many faults happened; each campaign is checked.

    `restarts`, `others`: the share of faults that are the database's, and of what starts the
    workers.  `hesitates_s`: of the mail server; the longer, the fewer campaigns.
    """
    dice = random.Random(seed)
    tally = FleetTally()
    number = 0
    while tally.rounds < faults:
        number += 1
        with recorder(hesitates_s, seed + number) as server:
            url = database.new_database()
            at = fleet_campaign(
                folder / f"{seed}-{number}",
                server,
                url,
                recipients=recipients,
                connections=connections,
                policy=policy,
            )
            with crew_in(at, database, url, count) as crew:
                crew.start()
                until_letters(server, 1)
                Trouble(crew, dice, tally, database, url).make(
                    faults, {"restarts": restarts, "others": others}
                )
                server.at_once()  # no more faults come
                crew.finish()
            prove(at, url)
            for _, worker, how, doubt in members(database, url):
                assert how in ("left", "lost", "refused"), (worker, how)
                assert doubt <= connections, f"{doubt} in doubt of {worker}"
                tally.takeovers += how == "lost"
                tally.in_doubt += doubt
                tally.most_in_doubt = max(tally.most_in_doubt, doubt)
            check(at, server, policy, recipients, tally)
    return tally


class Trouble:
    """The faults of one campaign."""

    def __init__(
        self,
        crew: Crew,
        dice: random.Random,
        tally: FleetTally,
        database: DatabaseServer,
        url: str,
    ) -> None:
        self._crew = crew
        self._dice = dice
        self._tally = tally
        self._database = database
        self._url = url
        self._halted: dict[str, float] = {}  # until when
        self._killed: dict[str, int] = {}  # the epochs of those that are gone, by worker

    def make(self, faults: int, shares: Mapping[str, float]) -> None:
        """Until somebody says that everybody is settled, or enough has happened."""
        last_s = time.monotonic()
        while self._tally.rounds < faults:
            time.sleep(self._dice.random() * 0.6)
            self._wake()
            if self._crew.is_over:
                break
            if name := self._anybody():
                self._harm(name, **shares)
                last_s = time.monotonic()
            stands = "" if time.monotonic() < last_s + MOST_S else self._stands()
            assert not stands, f"nobody holds anything: {stands}"
        for name in self._halted:
            self._crew.signal(name, signal.SIGCONT)

    def _wake(self) -> None:
        for name, until_s in list(self._halted.items()):
            if time.monotonic() > until_s:
                self._crew.signal(name, signal.SIGCONT)
                del self._halted[name]

    def _anybody(self) -> str:
        """Of those that hold a part of the list; "" where nobody does."""
        self._joined = {worker: epoch for epoch, worker in holding(self._database, self._url)}
        live = {
            worker for worker, epoch in self._joined.items() if epoch > self._killed.get(worker, 0)
        }
        able = (live & self._crew.names()) - self._halted.keys()
        return self._dice.choice(sorted(able)) if able else ""

    def _harm(self, name: str, *, restarts: float, others: float) -> None:
        self._tally.rounds += 1
        number = self._dice.random()
        if number < restarts:
            self._database.crash()
            self._database.wait_until_gone()
            self._database.start()
            self._tally.restarts += 1
        elif number < restarts + others and self._crew.harm_others(self._dice):
            self._tally.others += 1
        elif self._dice.random() < 0.25:
            self._crew.signal(name, signal.SIGSTOP)
            self._halted[name] = time.monotonic() + 2 * LEASE_S
            self._tally.halts += 1
        else:
            self._killed[name] = self._joined[name]
            self._crew.kill(name)
            self._tally.kills += 1

    def _stands(self) -> str:
        return how_it_stands(self._database, self._url)
