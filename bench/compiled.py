"""The hot path compiled, as a wheel has it, and the same files run as Python.

    python -m bench.compiled [--messages N] [--rounds N]

`make bench` puts the compiled tree on PYTHONPATH; without that, the editable one is found.
"""

from __future__ import annotations

import os

from bench.corpus import write_campaign
from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh, send
from bench.servers import smtp_sink
from bench.watching import BenchError, Course

MESSAGES = 60_000


def measure(options: Options) -> list[Row]:
    """While sending: rates, their ratio, CPU."""
    count = options.messages or MESSAGES
    compiled = os.environ.get("PYTHONPATH")
    if not compiled:
        raise BenchError("there is nothing compiled: ask for this row by `make bench ROW=compiled`")

    def python() -> Course:
        del os.environ["PYTHONPATH"]
        try:
            return send(folder, sink, count)
        finally:
            os.environ["PYTHONPATH"] = compiled

    with smtp_sink() as sink:
        folder = write_campaign(fresh("compiled"), count, sink.port)
        found = by_turns(
            options.rounds,
            {"compiled": lambda: send(folder, sink, count), "as Python": python},
        )
    rows = []
    for name, runs in found.items():
        cpu = [one.cpu_us for one in runs]
        rows += [
            Row("compiled", f"{name}, while sending", [one.steady_rate for one in runs], "/s"),
            Row("compiled", f"{name}, CPU a message, I/O process", [io for io, _ in cpu], "µs"),
            Row("compiled", f"{name}, CPU a message, rendering", [below for _, below in cpu], "µs"),
        ]
    pairs = zip(found["compiled"], found["as Python"], strict=True)
    rows.append(
        Row("compiled", "compiled / as Python, while sending",
            [a.steady_rate / b.steady_rate for a, b in pairs],
            note=f"{count:,} messages over 50 connections")
    )  # fmt: skip
    return rows


if __name__ == "__main__":
    main(measure)
