"""What a DKIM signature costs: the same campaign with [[dkim]] and without.

    python -m bench.dkim [--messages N] [--rounds N]

All in CPU time, which others at work on the machine change less than rates; `openssl speed` signs
in the same round.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bench.corpus import write_campaign
from bench.machine import SBIN
from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import first_letters, fresh, send
from bench.servers import smtp_sink
from bench.watching import BenchError
from campaign.signing.keys import SigningKey, new_ed25519, new_rsa
from campaign.signing.signature import Signer, signatures

MESSAGES = 12_000
_ALLOWED_US = 20.0  # beside the signature itself
_LETTERS = 100  # signed by dkimpy, which needs milliseconds for each
_DKIM = '\n[[dkim]]\ndomain = "example.com"\nselector = "s1"\nkey = {{ file = "../{name}.pem" }}\n'


def measure(options: Options) -> list[Row]:
    """Costs, and their ratios to one signature of OpenSSL and to dkimpy."""
    count = options.messages or MESSAGES
    folder = fresh("dkim")
    keys = {"rsa": new_rsa(2048), "ed25519": new_ed25519()}
    with smtp_sink() as sink:
        plain = write_campaign(folder / "unsigned", count, sink.port)
        signed = {
            name: _signed(write_campaign(folder / f"signed-{name}", count, sink.port), name, key)
            for name, key in keys.items()
        }
        letters = first_letters(plain, of=_LETTERS)
        runs = by_turns(
            options.rounds,
            {
                "unsigned": lambda: send(plain, sink, count),
                "RSA-2048": lambda: send(signed["rsa"], sink, count),
                "Ed25519": lambda: send(signed["ed25519"], sink, count),
            },
        )
    alone = by_turns(
        options.rounds,
        {
            "OpenSSL": _openssl_us,
            "ours": lambda: _cpu_us(_ours(letters, keys["rsa"]), len(letters)),
            "dkimpy": lambda: _cpu_us(_dkimpy(letters, keys["rsa"]), len(letters)),
        },
    )
    costs = {name: [sum(run.cpu_us) for run in some] for name, some in runs.items()}
    more = [b - a for a, b in zip(costs["unsigned"], costs["RSA-2048"], strict=True)]
    in_signatures = [
        (cost - _ALLOWED_US) / one for cost, one in zip(more, alone["OpenSSL"], strict=True)
    ]
    by_itself = [
        (cost - _ALLOWED_US) / one
        for cost, one in zip(alone["ours"], alone["OpenSSL"], strict=True)
    ]
    times_dkimpy = [b / a for a, b in zip(alone["ours"], alone["dkimpy"], strict=True)]
    at_best = [b / a for a, b in zip(alone["OpenSSL"], alone["dkimpy"], strict=True)]
    rates = [
        b.steady_rate / a.steady_rate
        for a, b in zip(runs["unsigned"], runs["Ed25519"], strict=True)
    ]
    return [
        Row("dkim", "one RSA-2048 signature of OpenSSL", alone["OpenSSL"], "µs"),
        Row("dkim", "CPU a letter, unsigned, all processes", costs["unsigned"], "µs"),
        Row("dkim", "CPU a letter, RSA-2048, all processes", costs["RSA-2048"], "µs"),
        Row("dkim", "CPU a letter, Ed25519, all processes", costs["Ed25519"], "µs"),
        Row("dkim", "(signed - unsigned - 20 µs) / OpenSSL", in_signatures, at_most=1.15,
            note=f"{count:,} letters of 5 KB, while sending"),
        Row("dkim", "(the writer alone - 20 µs) / OpenSSL", by_itself, at_most=1.15),
        Row("dkim", "dkimpy / the writer alone", times_dkimpy, at_least=25),
        Row("dkim", "dkimpy / one signature of OpenSSL", at_best,
            note="more than this no writer can be quicker that signs with OpenSSL"),
        Row("dkim", "rate, Ed25519 / unsigned", rates, at_least=0.45),
    ]  # fmt: skip


def _signed(folder: Path, name: str, key: SigningKey) -> Path:
    """The campaign with a key in a folder that no template can read."""
    path = folder.parent / f"{name}.pem"
    path.write_text(key.pem, encoding="ascii")
    path.chmod(0o600)
    with (folder / "campaign.toml").open("a", encoding="utf-8") as file:
        file.write(_DKIM.format(name=name))
    return folder


def _openssl_us() -> float:
    """CPU of one signature, by OpenSSL's own measurement."""
    command = ["openssl", "speed", "-seconds", "2", "-mr", "rsa2048"]
    said = subprocess.run(command, capture_output=True, text=True, env=SBIN).stdout
    # In the form for programs: signatures a second of CPU, then verifications.
    found = re.search(r"^\+F2:\d+:2048:([0-9.]+)", said, re.MULTILINE)
    if not found:
        raise BenchError(f"openssl speed: {said[-500:]}")
    return 1e6 / float(found[1])


def _ours(letters: list[bytes], key: SigningKey) -> Callable[[], None]:
    signer = Signer("example.com", "s1", key)

    def sign() -> None:
        for letter in letters:
            signatures(letter, [signer])

    return sign


def _dkimpy(letters: list[bytes], key: SigningKey) -> Callable[[], None]:
    import dkim  # type: ignore[import-untyped]

    pem = key.pem.encode()

    def sign() -> None:
        for letter in letters:
            dkim.sign(letter, b"s1", b"example.com", pem, canonicalize=(b"relaxed", b"relaxed"))

    return sign


def _cpu_us(work: Callable[[], None], count: int) -> float:
    work()
    before_s = time.process_time()
    work()
    return (time.process_time() - before_s) / count * 1e6


if __name__ == "__main__":
    main(measure)
