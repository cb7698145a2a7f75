"""CSV → rendered → accepted against smtp-source on the same sink, and the CPU it costs.

    python -m bench.headline [--messages N] [--rounds N]

Four candidates by turns: `campaign` (plan, then run, durable journal, 50 connections),
`smtp-source` with the same size of message and with 4 KB, its fastest.
"""

from __future__ import annotations

from functools import partial

from bench.corpus import write_campaign
from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import Sent, fresh, send, smtp_source, wire_size
from bench.servers import smtp_sink
from bench.watching import Course

FAST_SIZE = 4096
MESSAGES = 300_000


def measure(options: Options) -> list[Row]:
    """The rows of the headline."""
    count = options.messages or MESSAGES
    ours: list[Sent] = []

    def campaign() -> Course:
        ours.append(send(folder, sink, count))
        return ours[-1].run

    with smtp_sink() as sink:
        folder = write_campaign(fresh("headline"), count, sink.port)
        size = wire_size(folder)
        found = by_turns(
            options.rounds,
            {
                "campaign": campaign,
                "smtp-source": lambda: smtp_source(sink, count, size),
                "smtp-source 4 KB": lambda: smtp_source(sink, count, FAST_SIZE),
            },
        )
    same, small = found["smtp-source"], found["smtp-source 4 KB"]
    runs = found["campaign"]

    row = partial(Row, "headline")

    return [
        row("campaign, CSV to accepted, starts included", [one.rate for one in ours], "/s",
            note=f"{count:,} messages of {size:,} bytes on the wire"),
        row("campaign, while sending", [one.steady_rate for one in runs], "/s"),
        row("smtp-source, same size", [one.rate for one in same], "/s"),
        row("smtp-source, 4 KB", [one.rate for one in small], "/s"),
        row("CSV to accepted / smtp-source, same size",
            [a.rate / b.rate for a, b in zip(ours, same, strict=True)], at_least=1.0),
        row("CSV to accepted / smtp-source, 4 KB",
            [a.rate / b.rate for a, b in zip(ours, small, strict=True)], at_least=0.7),
        row("while sending / smtp-source, same size",
            [a.steady_rate / b.steady_rate for a, b in zip(runs, same, strict=True)]),
        row("while sending / smtp-source, 4 KB",
            [a.steady_rate / b.steady_rate for a, b in zip(runs, small, strict=True)]),
        row("CPU a message, I/O process with journal",
            [one.cpu_us[0] for one in runs], "µs", at_most=45),
        row("CPU a message, rendering", [one.cpu_us[1] for one in runs], "µs", at_most=70),
        row("CPU a message, smtp-source", [one.cpu_us[0] for one in same], "µs"),
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
