"""The row of the peers: the same letters, by turns, to the same sink.

In: how many messages.  Out: rows with rates and how many times faster `campaign` is.
Touches: build/bench/peers/, the peers' processes.

Before anything is measured, each peer's first letters are read back and must say what
`campaign`'s letters say.
"""

from __future__ import annotations

import email
import email.policy
import html
import os
import tempfile
from collections.abc import Callable
from email.message import EmailMessage
from functools import partial
from pathlib import Path

from bench.corpus import write_campaign
from bench.options import Options
from bench.peers.install import Peer, peers
from bench.peers.letter import write_letters
from bench.rows import Row, by_turns
from bench.senders import fresh, message_of, none_lost, send
from bench.servers import Server, smtp_sink
from bench.watching import BenchError, watch

MESSAGES = 200_000
_CHECKED = 8


def measure(options: Options) -> list[Row]:
    """A rate and a ratio for each peer; a peer that is missing has a row that says so."""
    count = options.messages or MESSAGES
    folder = fresh("peers")
    everybody = peers()
    _same_letters(folder / "check", [peer for peer in everybody if not peer.missing])
    with smtp_sink() as sink:
        ours = write_campaign(folder / "campaign", count, sink.port)
        candidates: dict[str, Callable[[], float]] = {}
        candidates["campaign"] = lambda: send(ours, sink, count).rate
        for number, peer in enumerate(everybody):
            if not peer.missing:
                messages = max(200, round(count * peer.share))
                theirs = write_letters(folder / f"peer{number}", messages, sink.port)
                candidates[peer.name] = partial(_run, peer, theirs, sink, messages)
        found = by_turns(options.rounds, candidates)
    campaign = found["campaign"]
    rows = [Row("peers", "campaign, CSV to accepted, starts included", campaign, "/s")]
    for peer in everybody:
        if peer.missing:
            rows.append(Row("peers", peer.name, [], note=f"not measured: {peer.missing}"))
            continue
        rates = found[peer.name]
        rows.append(Row("peers", peer.name, rates, "/s", note=peer.version))
        ratios = [a / b for a, b in zip(campaign, rates, strict=True)]
        short = peer.name.partition(",")[0]
        rows.append(Row("peers", f"campaign / {short}", ratios, at_least=peer.at_least))
    return rows


def _run(peer: Peer, folder: Path, sink: Server, count: int) -> float:
    """Messages a second, start of the program included."""
    command = [*peer.command, *peer.arguments(sink.port, folder)]
    course = watch(command, sink.received, cwd=folder)
    none_lost(peer.name, course.received, count)
    return course.rate


def _same_letters(folder: Path, candidates: list[Peer]) -> None:
    """BenchError where a peer's letter does not say what ours says."""
    with tempfile.TemporaryDirectory(prefix="campaign-bench-") as name:
        os.chmod(name, 0o777)
        with smtp_sink("-d", f"{name}/m.") as sink:
            send(write_campaign(folder / "campaign", _CHECKED, sink.port), sink, _CHECKED)
            wanted = _said(Path(name))
            theirs = write_letters(folder / "peer", _CHECKED, sink.port)
            for peer in candidates:
                _run(peer, theirs, sink, _CHECKED)
                if _said(Path(name)) != wanted:
                    raise BenchError(f"{peer.name} sends other letters than campaign")


def _said(dumps: Path) -> list[tuple[str, ...]]:
    """(recipient, subject, words of the text, words of the HTML) of the dumps, which go."""
    found = []
    for path in dumps.iterdir():
        message = email.message_from_bytes(message_of(path), policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        bodies = []
        for kind in ("plain", "html"):
            part = message.get_body((kind,))
            assert isinstance(part, EmailMessage)
            bodies.append(" ".join(html.unescape(part.get_content()).split()))
        path.unlink()
        to = message["To"].addresses[0].addr_spec
        found.append((to, " ".join(str(message["Subject"]).split()), *bodies))
    return sorted(found)
