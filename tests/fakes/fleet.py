"""Workers of a fleet as real processes, killed, halted and cut off at random moments.

In: sizes, policy, seed, a database server.  Out: a `FleetTally`; AssertionError where the promise
breaks.  Touches: a campaign folder, campaign processes, a recorder, the database server.

Used by the tests of the promise and by `make fleet-kills`.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from campaign.journal.reading.audit import audit
from fakes.crashing import CAMPAIGN, Tally, check, planned_campaign
from fakes.postgresql import DatabaseServer
from fakes.recorder import Recorder, recorder

LEASE_S = 1.0
_MOST_S = 120.0  # for a campaign of a test to end


@dataclass
class FleetTally(Tally):
    """What the rounds showed, of a fleet."""

    halts: int = 0
    restarts: int = 0  # of the database server
    takeovers: int = 0


@dataclass
class Workers:
    """`campaign work` again and again in one folder, by name."""

    folder: Path
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)  # on stderr, by those that ended

    def start(self, name: str, *, program: Sequence[str] = CAMPAIGN) -> None:
        self.processes[name] = subprocess.Popen(
            [*program, "work", "--name", name, "--workers", "1"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def signal(self, name: str, number: signal.Signals) -> None:
        self.processes[name].send_signal(number)

    def kill(self, name: str) -> None:
        """And wait until it is gone."""
        self.processes[name].kill()
        self.end_of(name)

    def end_of(self, name: str) -> int:
        """Its exit code, once it has ended."""
        process = self.processes.pop(name)
        try:
            _, errors = process.communicate(timeout=_MOST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
            raise AssertionError(f"{name} does not end: {errors[-3000:]}") from None
        self.said[name] = self.said.get(name, "") + errors
        return process.returncode

    def ended(self) -> list[str]:
        return [name for name, each in self.processes.items() if each.poll() is not None]

    def stop(self) -> None:
        for name in list(self.processes):
            self.kill(name)


@contextmanager
def workers_in(folder: Path) -> Iterator[Workers]:
    workers = Workers(folder)
    try:
        yield workers
    finally:
        workers.stop()


def fleet_campaign(
    folder: Path,
    server: Recorder,
    url: str,
    *,
    recipients: int,
    connections: int,
    policy: str,
    lease_s: float = LEASE_S,
    more: str = "",
) -> Path:
    """A planned campaign whose workers are taken for dead after a moment."""
    at = planned_campaign(
        folder,
        server,
        recipients=recipients,
        connections=connections,
        policy=policy,
        journal=url,
    )
    toml = at / "campaign.toml"
    toml.write_text(toml.read_text() + f'[fleet]\nlease = "{lease_s:g}s"\n{more}')
    return at


def members(database: DatabaseServer, url: str) -> list[tuple[int, str, str, int]]:
    """Epoch, worker, how it ended ("" where it has not), in doubt then."""
    asked = "SELECT epoch, worker, how, in_doubt FROM fleet_members ORDER BY epoch"
    return [
        (int(epoch), str(worker), str(how), int(doubt))
        for epoch, worker, how, doubt in database.ask(asked, url.rpartition("/")[2])
    ]


def holding(database: DatabaseServer, url: str) -> list[tuple[int, str]]:
    """Epoch and worker of those that hold a shard."""
    asked = (
        "SELECT epoch, worker FROM fleet_members m WHERE ended_s = 0 AND EXISTS"
        " (SELECT 1 FROM fleet_leases l WHERE l.epoch = m.epoch) ORDER BY epoch"
    )
    found = database.ask(asked, url.rpartition("/")[2])
    return [(int(epoch), str(worker)) for epoch, worker in found]


def until_letters(server: Recorder, count: int) -> None:
    """Wait until so many have come."""
    until_s = time.monotonic() + _MOST_S
    while server.received.total() < count:
        assert time.monotonic() < until_s, f"only {server.received.total()} letters came"
        time.sleep(0.005)


def prove(folder: Path, url: str) -> None:
    proof = audit(url, folder)
    assert proof.is_clean, [each for each in proof.checks if each.findings]


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
) -> FleetTally:
    """Kill, halt and restart at random until so many faults happened; each campaign is checked."""
    dice = random.Random(seed)
    tally = FleetTally()
    number = 0
    while tally.rounds < faults:
        number += 1
        with recorder(0.03, seed + number) as server:
            url = database.new_database()
            at = fleet_campaign(
                folder / f"{seed}-{number}",
                server,
                url,
                recipients=recipients,
                connections=connections,
                policy=policy,
            )
            with workers_in(at) as workers:
                for each in range(count):
                    workers.start(f"w{each}")
                until_letters(server, 1)
                _trouble(workers, dice, tally, faults, restarts, database, url)
                for name in list(workers.processes):
                    code = workers.end_of(name)
                    assert code in (0, 1), workers.said[name]
            prove(at, url)
            for _, worker, how, doubt in members(database, url):
                assert how in ("left", "lost", "refused"), (worker, how)
                assert doubt <= connections, f"{doubt} in doubt of {worker}"
                tally.takeovers += how == "lost"
                tally.in_doubt += doubt
                tally.most_in_doubt = max(tally.most_in_doubt, doubt)
            check(at, server, policy, recipients, tally)
            for said in workers.said.values():
                assert "Traceback" not in said, said
    return tally


def _trouble(
    workers: Workers,
    dice: random.Random,
    tally: FleetTally,
    faults: int,
    restarts: float,
    database: DatabaseServer,
    url: str,
) -> None:
    """Until the first worker says that everybody is settled, or enough has happened."""
    halted: dict[str, float] = {}
    killed: dict[str, int] = {}  # the epochs of those that are gone, by worker
    while tally.rounds < faults:
        time.sleep(dice.random() * 0.6)
        for name, until_s in list(halted.items()):
            if time.monotonic() > until_s:
                workers.signal(name, signal.SIGCONT)
                del halted[name]
        if workers.ended():
            break
        joined = {worker: epoch for epoch, worker in holding(database, url)}
        live = {worker for worker, epoch in joined.items() if epoch > killed.get(worker, 0)}
        name = dice.choice(sorted((live & workers.processes.keys()) - halted.keys()) or [""])
        if not name:
            continue
        tally.rounds += 1
        if dice.random() < restarts:
            database.crash()
            database.wait_until_gone()
            database.start()
            tally.restarts += 1
        elif dice.random() < 0.25:
            workers.signal(name, signal.SIGSTOP)
            halted[name] = time.monotonic() + 2 * LEASE_S
            tally.halts += 1
        else:
            workers.kill(name)
            killed[name] = joined[name]
            workers.start(name)
            tally.kills += 1
    for name in halted:
        workers.signal(name, signal.SIGCONT)
