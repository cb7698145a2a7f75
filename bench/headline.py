"""CSV → rendered → accepted against smtp-source on the same sink, and the CPU it costs.

    python -m bench.headline [--messages N] [--rounds N]

Three candidates by turns: `campaign` (plan and run, durable journal, 50 connections),
`smtp-source` with the same size of message and with 4 KB, its fastest.
"""

from __future__ import annotations

from functools import partial

from bench.corpus import write_campaign
from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh, send, smtp_source, wire_size
from bench.servers import smtp_sink

FAST_SIZE = 4096
MESSAGES = 300_000


def measure(options: Options) -> list[Row]:
    """The rows of the headline."""
    count = options.messages or MESSAGES
    with smtp_sink() as sink:
        folder = write_campaign(fresh("headline"), count, sink.port)
        size = wire_size(folder)
        found = by_turns(
            options.rounds,
            {
                "campaign": lambda: send(folder, sink, count),
                "smtp-source": lambda: smtp_source(sink, count, size),
                "smtp-source 4 KB": lambda: smtp_source(sink, count, FAST_SIZE),
            },
        )
    ours, same, small = (found[name] for name in ("campaign", "smtp-source", "smtp-source 4 KB"))

    row = partial(Row, "headline")

    return [
        row("campaign, CSV to accepted, starts included", [one.rate for one in ours], "/s",
            note=f"{count:,} messages of {size:,} bytes on the wire"),
        row("campaign, while sending", [one.steady_rate for one in ours], "/s"),
        row("smtp-source, same size", [one.rate for one in same], "/s"),
        row("smtp-source, 4 KB", [one.rate for one in small], "/s"),
        row("CSV to accepted / smtp-source, same size",
            [a.rate / b.rate for a, b in zip(ours, same, strict=True)], at_least=1.0),
        row("CSV to accepted / smtp-source, 4 KB",
            [a.rate / b.rate for a, b in zip(ours, small, strict=True)], at_least=0.7),
        row("while sending / smtp-source, same size",
            [a.steady_rate / b.steady_rate for a, b in zip(ours, same, strict=True)]),
        row("while sending / smtp-source, 4 KB",
            [a.steady_rate / b.steady_rate for a, b in zip(ours, small, strict=True)]),
        row("CPU a message, I/O process with journal",
            [one.cpu_us[0] for one in ours], "µs", at_most=45),
        row("CPU a message, rendering", [one.cpu_us[1] for one in ours], "µs", at_most=70),
        row("CPU a message, smtp-source", [one.cpu_us[0] for one in same], "µs"),
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
