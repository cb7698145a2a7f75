"""Workers of a fleet as real processes, and how the database sees them.

In: a campaign's folder, a database server.  Out: processes by name; members, holders of shards.
Touches: campaign processes, the database server.

One that does not end says what it waits for, and how the journal stood.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from campaign.journal.reading.auditing.audit import audit
from fakes.mail.recorder import Recorder
from fakes.processes.crashing import planned_campaign
from fakes.servers.postgresql import DatabaseServer

LEASE_S = 1.0
MOST_S = 120.0  # for a campaign of a test to end
# On SIGUSR2 it says where its threads stand, whatever they do; on SIGUSR1 what its tasks wait for.
EXPLAINS = """
import asyncio, faulthandler, signal, sys
def tell(*_):
    for task in asyncio.all_tasks():
        task.print_stack(limit=8, file=sys.stderr)
faulthandler.register(signal.SIGUSR2, all_threads=True)
signal.signal(signal.SIGUSR1, tell)
from campaign.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
EXPLAINING = (sys.executable, "-c", EXPLAINS)


def whose_clock_is_off(by_s: float) -> tuple[str, ...]:
    """A program whose wall clock is so many seconds ahead."""
    off = f"import time\nreal = time.time\ntime.time = lambda: real() + {by_s}\n"
    return (sys.executable, "-c", off + EXPLAINS)


@dataclass
class Workers:
    """`campaign work` again and again in one folder, by name."""

    folder: Path
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)  # on stderr, by those that ended
    explain: Callable[[], str] = str  # how the journal stands, where one does not end

    def start(self, name: str, *more: str, program: Sequence[str] = EXPLAINING) -> None:
        """`more`: further options of it."""
        self.processes[name] = subprocess.Popen(
            [*program, "work", "--name", name, "--workers", "1", *more],
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
            _, errors = process.communicate(timeout=MOST_S)
        except subprocess.TimeoutExpired:
            stands = self.explain()
            raise AssertionError(f"{name} does not end: {last_words(process)}\n{stands}") from None
        self.said[name] = self.said.get(name, "") + errors
        return process.returncode

    def end_all(self) -> None:
        """Wait for all; they have done what they were to do."""
        for name in list(self.processes):
            assert self.end_of(name) in (0, 1), self.said[name]

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
    relay: str = "127.0.0.1",
) -> Path:
    """A planned campaign whose workers are taken for dead after a moment.

    `relay`: the address by which the server is reached from all hosts.
    """
    at = planned_campaign(
        folder,
        server,
        recipients=recipients,
        connections=connections,
        policy=policy,
        journal=url,
        relay=relay,
    )
    toml = at / "campaign.toml"
    toml.write_text(toml.read_text() + f'[fleet]\nlease = "{lease_s:g}s"\n{more}')
    return at


def on_another_host(folder: Path, there: Path, was: str, now: str) -> Path:
    """The same campaign in a folder of another host, which reaches what `was` names as `now`."""
    shutil.copytree(folder, there)
    toml = there / "campaign.toml"
    text = toml.read_text()
    assert was in text
    toml.write_text(text.replace(was, now))
    return there


def members(database: DatabaseServer, url: str) -> list[tuple[int, str, str, int]]:
    """Epoch, worker, how it ended ("" where it has not), in doubt then."""
    asked = "SELECT epoch, worker, how, in_doubt FROM fleet_members ORDER BY epoch"
    return [
        (int(epoch), str(worker), str(how), int(doubt))
        for epoch, worker, how, doubt in database.ask(asked, url.rpartition("/")[2])
    ]


def times_lost(database: DatabaseServer, url: str) -> Counter[str]:
    """How often each was taken over from."""
    return Counter(worker for _, worker, how, _ in members(database, url) if how == "lost")


def taking_part(database: DatabaseServer, url: str) -> set[str]:
    """Workers that have joined and not ended; nobody before the first one has come."""
    if not has_begun(database, url):
        return set()
    return {worker for _, worker, how, _ in members(database, url) if not how}


def has_begun(database: DatabaseServer, url: str) -> bool:
    """Whether a fleet has ever been at this journal."""
    name = url.rpartition("/")[2]
    return database.ask("SELECT to_regclass('fleet_members')", name)[0][0] is not None


def holding(database: DatabaseServer, url: str) -> list[tuple[int, str]]:
    """Epoch and worker of those that hold a shard; none before the first worker has come."""
    name = url.rpartition("/")[2]
    if not has_begun(database, url):
        return []
    asked = (
        "SELECT epoch, worker FROM fleet_members m WHERE ended_s = 0 AND EXISTS"
        " (SELECT 1 FROM fleet_leases l WHERE l.epoch = m.epoch) ORDER BY epoch"
    )
    found = database.ask(asked, name)
    return [(int(epoch), str(worker)) for epoch, worker in found]


def until(is_so: Callable[[], bool]) -> None:
    """Wait for it."""
    until_s = time.monotonic() + MOST_S
    while not is_so():
        assert time.monotonic() < until_s, "it never became so"
        time.sleep(0.05)


def until_letters(server: Recorder, count: int) -> None:
    """Wait until so many have come."""
    until_s = time.monotonic() + MOST_S
    while server.received.total() < count:
        assert time.monotonic() < until_s, f"only {server.received.total()} letters came"
        time.sleep(0.005)


def prove(folder: Path, url: str) -> None:
    proof = audit(url, folder)
    assert proof.is_clean, [each for each in proof.checks if each.findings]


def last_words(process: subprocess.Popen[str]) -> str:
    """What it said, and what it waits for; it is killed."""
    for number in (signal.SIGCONT, signal.SIGUSR2, signal.SIGUSR1):
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=2)
    process.kill()
    _, errors = process.communicate()
    return errors[-20_000:]


def how_it_stands(database: DatabaseServer, url: str) -> str:
    """Members, shards, recipients, sessions and what they wait for."""
    asked = (
        "SELECT epoch, worker, beat, ended_s, how FROM fleet_members ORDER BY epoch DESC LIMIT 12",
        "SELECT epoch, is_done, count(*), min(first), max(last) FROM fleet_leases GROUP BY 1, 2",
        "SELECT state, count(*), min(row), min(due) - extract(epoch FROM clock_timestamp())"
        " FROM standings GROUP BY 1",
        "SELECT * FROM totals",
        "SELECT pid, application_name, state, wait_event_type, wait_event,"
        " clock_timestamp() - state_change, pg_blocking_pids(pid), left(query, 100)"
        " FROM pg_stat_activity WHERE datname = current_database()",
    )
    name = url.rpartition("/")[2]
    return "\n".join(f"{each}\n  {database.ask(each, name)}" for each in asked)
