"""A 40 KB message with a fixed attachment of 200 KB, against smtp-source at that size.

python -m bench.attachment [--messages N] [--rounds N]
"""

from __future__ import annotations

import random

from bench.corpus import write_campaign
from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh, send, smtp_source, wire_size
from bench.servers import smtp_sink

MESSAGES = 5_000
ATTACHMENT_BYTES = 200_000
PARAGRAPHS = 170  # make text and HTML 40 KB


def measure(options: Options) -> list[Row]:
    """Rates and their ratio."""
    count = options.messages or MESSAGES
    with smtp_sink() as sink:
        folder = fresh("attachment")
        (folder / "terms.pdf").write_bytes(random.Random(7).randbytes(ATTACHMENT_BYTES))
        write_campaign(
            folder, count, sink.port, more=PARAGRAPHS, message='attachments = ["terms.pdf"]'
        )
        size = wire_size(folder)
        found = by_turns(
            options.rounds,
            {
                "campaign": lambda: send(folder, sink, count),
                "smtp-source": lambda: smtp_source(sink, count, size),
            },
        )
    runs, source = found["campaign"], found["smtp-source"]
    return [
        Row("attachment", "campaign, while sending", [one.steady_rate for one in runs], "/s",
            note=f"{count:,} messages of {size:,} bytes on the wire"),
        Row("attachment", "smtp-source, same size", [one.steady_rate for one in source], "/s"),
        Row("attachment", "campaign / smtp-source, same size",
            [a.steady_rate / b.steady_rate for a, b in zip(runs, source, strict=True)],
            at_least=0.8),
        Row("attachment", "CPU a message, I/O process", [one.cpu_us[0] for one in runs], "µs"),
        Row("attachment", "CPU a message, rendering", [one.cpu_us[1] for one in runs], "µs"),
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
