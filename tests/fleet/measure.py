"""`make fleet-measure`: what a fleet gains, what it costs, and whether its rate holds, as a table.

In: `--seconds N` of the rate (default 60).  Out: a table in Markdown on stdout.
Touches: a temporary folder, campaign processes, loopback ports, a PostgreSQL server of its own.

Ratios are of one run on one machine: three workers against one into a server that answers each
letter after 50 ms; CPU of one worker on PostgreSQL against a run on SQLite; letters in a minute
against a rate of 200/s, with workers that join and die meanwhile.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from fakes.crashing import CAMPAIGN, planned_campaign
from fakes.fleet import fleet_campaign, workers_in
from fakes.postgresql import DatabaseServer, database_server
from fakes.recorder import Recorder, recorder

_RATE_S = 200


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--seconds", type=int, default=60)
    options = asked.parse_args()
    print("| | | wanted |", "|---|---:|---:|", sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as name, database_server("") as server:
        folder = Path(name)
        one, three = (_letters_s(folder / f"w{n}", server, n) for n in (1, 3))
        _line(f"three workers / one ({three:.0f}/s, {one:.0f}/s)", three / one, ">= 2.7")
        sqlite, postgresql = _cpu(folder / "s", ""), _cpu(folder / "p", server.new_database())
        said = f"CPU of a letter, PostgreSQL / SQLite ({postgresql:.0f} us, {sqlite:.0f} us)"
        _line(said, postgresql / sqlite, "<= 1.1")
        rate_s = _rate(folder / "r", server, options.seconds)
        _line(f"letters a second of {_RATE_S}/s", rate_s, f"{_RATE_S} +- 1 %")


def _line(what: str, value: float, wanted: str) -> None:
    print(f"| {what} | {value:.2f} | {wanted} |", flush=True)


def _letters_s(folder: Path, server: DatabaseServer, count: int) -> float:
    """From when all workers send, until most have been sent to."""
    recipients = 2_000 * count
    with recorder(at_least_s=0.05) as mail:
        at = fleet_campaign(
            folder, mail, server.new_database(), recipients=recipients, connections=10,
            policy="hold", lease_s=15.0,
        )  # fmt: skip
        with workers_in(at) as workers:
            for number in range(count):
                workers.start(f"w{number}")
            _until(mail, recipients // 5)
            began, began_s = mail.accepted.total(), time.monotonic()
            _until(mail, recipients * 4 // 5)
            return (mail.accepted.total() - began) / (time.monotonic() - began_s)


def _cpu(folder: Path, url: str) -> float:
    """Microseconds of the sending process and its render process for each letter."""
    recipients = 5_000
    with recorder() as mail:
        sizes = {"recipients": recipients, "connections": 10, "policy": "hold"}
        if url:
            at = fleet_campaign(folder, mail, url, lease_s=15.0, **sizes)  # type: ignore[arg-type]
        else:
            at = planned_campaign(folder, mail, **sizes)  # type: ignore[arg-type]
        verb = "work" if url else "resume"
        process = subprocess.Popen(
            [*CAMPAIGN, verb, *(["--workers", "1"] if url else [])],
            cwd=at,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return (used.ru_utime + used.ru_stime) * 1e6 / recipients


def _rate(folder: Path, server: DatabaseServer, seconds: int) -> float:
    """Letters a second that came while workers joined and died."""
    with recorder() as mail:
        at = fleet_campaign(
            folder, mail, server.new_database(), recipients=_RATE_S * (seconds + 30),
            connections=10, policy="hold", lease_s=2.0,
        )  # fmt: skip
        toml = at / "campaign.toml"
        rates = f"messages_per_connection = 20\nrates = ['{_RATE_S}/s']"
        toml.write_text(toml.read_text().replace("messages_per_connection = 20", rates))
        with workers_in(at) as workers:
            workers.start("w0")
            workers.start("w1")
            _until(mail, _RATE_S * 2)
            began, began_s = mail.received.total(), time.monotonic()
            for number in range(2, 5):
                workers.start(f"w{number}")
                time.sleep(seconds / 4)
                workers.signal(f"w{number - 2}", signal.SIGKILL)
                workers.processes.pop(f"w{number - 2}").communicate()
            time.sleep(max(0.0, began_s + seconds - time.monotonic()))
            return (mail.received.total() - began) / (time.monotonic() - began_s)


def _until(mail: Recorder, count: int) -> None:
    while mail.accepted.total() < count:
        time.sleep(0.01)


if __name__ == "__main__":
    main()
