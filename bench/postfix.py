"""Into a real Postfix, which queues with fsync, beside smtp-source into the same one.

    python -m bench.postfix [--messages N] [--rounds N]

Postfix has its own configuration and queue for the time of the run and discards what it
delivers; before each candidate its queue is empty.  It takes some lists twice as fast as others,
as its deliveries compete or not: a run is several turns of both, of which the mean counts.
smtp-source sends one of our letters, as Postfix reads headers and MIME parts line by line: its own
text of the same size takes a tenth less.  Needs root.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import harmonic_mean

from bench.corpus import write_campaign
from bench.machine import CAMPAIGN, SBIN
from bench.options import Options, main
from bench.postfix_server import postfix, wait_until_delivered
from bench.rows import Row, by_turns
from bench.senders import counts, first_letters, fresh, none_lost, plan, smtp_source_command
from bench.servers import Server
from bench.watching import Course, watch

MESSAGES = 4_000  # in one turn
SESSIONS = 20
_TURNS = 4  # in one run


def measure(options: Options) -> list[Row]:
    """Rates of acceptance and their ratio."""
    count = options.messages or MESSAGES
    with postfix() as (server, let_in):
        folder = write_campaign(fresh("postfix"), count, server.port, connections=SESSIONS)
        [letter] = first_letters(folder, of=1)
        text = folder.with_name("letter.txt")
        text.write_bytes(letter.replace(b"\r\n", b"\n"))
        source = smtp_source_command(server, count, "-N", "-F", str(text), sessions=SESSIONS)

        def campaign() -> Course:
            plan(folder)
            course = _accepted(server, let_in, count, [str(CAMPAIGN), "run", "--yes"], folder)
            none_lost("campaign", counts(folder)["sent"], count)
            return course

        found = by_turns(
            options.rounds * _TURNS,
            {"campaign": campaign, "smtp-source": lambda: _accepted(server, let_in, count, source)},
        )
    ours, theirs = _runs(found["campaign"]), _runs(found["smtp-source"])
    pairs = list(zip(ours, theirs, strict=True))
    return [
        Row("postfix", "campaign into Postfix, while sending",
            [_steady(run) for run in ours], "/s",
            note=f"{_TURNS} times {count:,} messages of {len(letter):,} bytes,"
            f" {SESSIONS} sessions"),
        Row("postfix", "smtp-source with one of these letters into Postfix, while sending",
            [_steady(run) for run in theirs], "/s"),
        Row("postfix", "campaign / smtp-source, into Postfix, while sending",
            [_steady(our) / _steady(their) for our, their in pairs],
            at_least=0.95),
        Row("postfix", "campaign / smtp-source, into Postfix, start of `run` included",
            [_whole(our) / _whole(their) for our, their in pairs]),
    ]  # fmt: skip


def _runs(turns: Sequence[Course]) -> list[Sequence[Course]]:
    return [turns[start : start + _TURNS] for start in range(0, len(turns), _TURNS)]


def _steady(run: Sequence[Course]) -> float:
    """Messages a second over all turns: each has as many."""
    return harmonic_mean([turn.steady_rate for turn in run])


def _whole(run: Sequence[Course]) -> float:
    """The same from start to end."""
    return harmonic_mean([turn.rate for turn in run])


def _accepted(
    server: Server,
    let_in: Callable[[], int],
    count: int,
    command: list[str],
    folder: Path | None = None,
) -> Course:
    """The candidate from start to exit; then the queue runs empty and nothing may be missing."""
    before = server.received()
    course = watch(command, let_in, cwd=folder, env=SBIN)
    wait_until_delivered(server, before + count)
    time.sleep(1)
    none_lost(command[0], server.received() - before, count)
    return course


if __name__ == "__main__":
    main(measure)
