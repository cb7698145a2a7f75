"""How long `campaign check` takes where all is in order, each question to the DNS 20 ms away.

python -m bench.check [--messages N] [--rounds N]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.corpus import write_campaign
from bench.machine import CAMPAIGN, ROOT
from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh, plan
from bench.servers import free_port, smtp_sink
from bench.watching import BenchError

ROWS = 100
_DELAY_MS = 20
_WORLD = """
[unsubscribe]
url = "https://example.com/u"
secret = { env = "CAMPAIGN_SECRET" }
[dns]
nameservers = ["127.0.0.1:%d"]
[[dkim]]
domain = "example.com"
selector = "s1"
key = { file = "dkim.pem" }
"""


def measure(options: Options) -> list[Row]:
    """Seconds of the whole command, its start and the judging of a few letters included."""
    count = options.messages or ROWS
    port = free_port()
    os.environ["CAMPAIGN_SECRET"] = "a secret that is long enough to be one"
    with smtp_sink() as sink:
        folder = write_campaign(fresh("check"), count, sink.port, relay=_WORLD % port)
        texts = folder / "texts.json"
        texts.write_text(json.dumps(_texts(folder)))
        nameserver = subprocess.Popen(
            [sys.executable, "-m", "bench.nameserver", str(port), str(_DELAY_MS), str(texts)],
            cwd=ROOT,
        )
        try:
            plan(folder)
            found = by_turns(
                options.rounds,
                {"check": lambda: _check(folder), "offline": lambda: _check(folder, "--offline")},
            )
        finally:
            nameserver.kill()
            nameserver.wait()
    note = f"{count:,} letters to 97 domains, {_DELAY_MS} ms a question; the whole command"
    asking = [
        whole - offline for whole, offline in zip(found["check"], found["offline"], strict=True)
    ]
    return [
        Row("check", "check, a sound setup", found["check"], "s", at_most=3, note=note),
        Row("check", "check, what asking the network adds to --offline", asking, "s"),
    ]


def _texts(folder: Path) -> dict[str, str]:
    """The records that `check` looks for."""
    key = ("--domain", "example.com", "--selector", "s1", "--output", "dkim.pem", "--json")
    made = subprocess.run(
        [CAMPAIGN, "dkim", "keygen", *key], cwd=folder, capture_output=True, text=True
    )
    if made.returncode:
        raise BenchError(f"dkim keygen: {made.stderr}")
    return {
        "example.com": "v=spf1 mx include:127.0.0.1.example -all",
        "s1._domainkey.example.com": json.loads(made.stdout)["value"],
        "_dmarc.example.com": "v=DMARC1; p=reject; rua=mailto:dmarc@example.com",
    }


def _check(folder: Path, *how: str) -> float:
    start_s = time.monotonic()
    done = subprocess.run([CAMPAIGN, "check", "--json"], cwd=folder, capture_output=True, text=True)
    took_s = time.monotonic() - start_s
    if done.returncode not in (0, 1):
        raise BenchError(f"check: {done.returncode} {done.stderr[-500:]}")
    unknown = [
        one["id"] for one in json.loads(done.stdout)
        if one["level"] == "not-checked" and "no answer from the DNS" in one["evidence"]
    ]  # fmt: skip
    if unknown:
        raise BenchError(f"the nameserver did not answer about {', '.join(unknown)}")
    return took_s


if __name__ == "__main__":
    main(measure)
