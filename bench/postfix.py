"""Into a real Postfix, which queues with fsync, beside smtp-source into the same one.

    python -m bench.postfix [--messages N] [--rounds N]

Postfix has its own configuration and queue for the time of the run and discards what it
delivers; before each candidate its queue is empty.  Twenty sessions each, with which it takes
more than with ten.  Needs root.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bench.corpus import write_campaign
from bench.machine import CAMPAIGN, SBIN
from bench.options import Options, main
from bench.postfix_server import postfix, wait_until_delivered
from bench.rows import Row, by_turns
from bench.senders import counts, fresh, none_lost, plan, smtp_source_command, wire_size
from bench.servers import Server
from bench.watching import Course, watch

MESSAGES = 8_000
SESSIONS = 20


def measure(options: Options) -> list[Row]:
    """Rates of acceptance and their ratio."""
    count = options.messages or MESSAGES
    with postfix() as (server, let_in):
        folder = write_campaign(fresh("postfix"), count, server.port, connections=SESSIONS)
        size = wire_size(folder)
        source = smtp_source_command(server, count, size, sessions=SESSIONS, to_many=True)

        def campaign() -> Course:
            plan(folder)
            course = _accepted(server, let_in, count, [str(CAMPAIGN), "run", "--yes"], folder)
            none_lost("campaign", counts(folder)["sent"], count)
            return course

        found = by_turns(
            options.rounds,
            {"campaign": campaign, "smtp-source": lambda: _accepted(server, let_in, count, source)},
        )
    ours, theirs = found["campaign"], found["smtp-source"]
    return [
        Row("postfix", "campaign into Postfix, while sending",
            [one.steady_rate for one in ours], "/s",
            note=f"{count:,} messages of {size:,} bytes, {SESSIONS} sessions"),
        Row("postfix", "smtp-source into Postfix, while sending",
            [one.steady_rate for one in theirs], "/s"),
        Row("postfix", "campaign / smtp-source, into Postfix, while sending",
            [a.steady_rate / b.steady_rate for a, b in zip(ours, theirs, strict=True)],
            at_least=0.95),
        Row("postfix", "campaign / smtp-source, into Postfix, start of `run` included",
            [b.seconds / a.seconds for a, b in zip(ours, theirs, strict=True)]),
    ]  # fmt: skip


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
