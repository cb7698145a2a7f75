"""The same campaign with STARTTLS and without, to the same server program.

    python -m bench.starttls [--messages N] [--rounds N]

smtp-sink has no TLS, so bench/wire_server.py takes both; its own share of the encryption runs on
the same cores.
"""

from __future__ import annotations

from bench.certificate import write_certificate
from bench.corpus import write_campaign
from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh, send
from bench.servers import wire_server

MESSAGES = 30_000


def measure(options: Options) -> list[Row]:
    """Rates and their ratio."""
    count = options.messages or MESSAGES
    folder = fresh("starttls")
    both, alone = write_certificate(folder / "certificate")
    with wire_server(certificate=both) as server:
        clear = write_campaign(folder / "clear", count, server.port)
        ca_file = f'ca_file = "{alone}"'
        secured = write_campaign(
            folder / "secured", count, server.port, security="starttls", relay=ca_file
        )
        found = by_turns(
            options.rounds,
            {
                "without": lambda: send(clear, server, count),
                "with STARTTLS": lambda: send(secured, server, count),
            },
        )
    without, with_tls = found["without"], found["with STARTTLS"]
    ratios = [b.steady_rate / a.steady_rate
              for a, b in zip(without, with_tls, strict=True)]  # fmt: skip
    return [
        Row("starttls", "campaign without TLS", [one.steady_rate for one in without], "/s"),
        Row("starttls", "campaign with STARTTLS", [one.steady_rate for one in with_tls], "/s"),
        Row("starttls", "with STARTTLS / without", ratios, at_least=0.7,
            note=f"{count:,} messages over 50 kept connections, while sending"),
        Row("starttls", "CPU a message, I/O process with STARTTLS",
            [one.cpu_us[0] for one in with_tls], "µs"),
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
