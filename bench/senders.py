"""The two candidates of nearly every row: `campaign`, and Postfix's load generator `smtp-source`.

In: a server, a count.  Out: `Course`s, the messages counted.  Touches: processes, build/bench/.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from bench.machine import BUILD, CAMPAIGN, SBIN
from bench.servers import Server, smtp_sink
from bench.watching import BenchError, Course, watch

SESSIONS = 50
_SOURCE_HEADERS = 137  # bytes that smtp-source puts before the `-l` bytes of text, as dumped


def plan(folder: Path) -> None:
    """A new plan, rows not rendered."""
    shutil.rmtree(folder / "state", ignore_errors=True)
    command(folder, "plan", "--no-render")


def command(folder: Path, *words: str) -> str:
    """What a campaign command prints; BenchError when it fails."""
    done = subprocess.run(
        [CAMPAIGN, *words], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise BenchError(f"campaign {' '.join(words)}: {done.returncode} {done.stderr[-1500:]}")
    return done.stdout


def counts(folder: Path) -> dict[str, int]:
    """`campaign status --json`."""
    found: dict[str, int] = json.loads(command(folder, "status", "--json"))["counts"]
    return found


def send(folder: Path, server: Server, count: int) -> Course:
    """A campaign of `count` rows from its list to the last reply, planned as it is run; every
    message must reach the server."""
    shutil.rmtree(folder / "state", ignore_errors=True)
    course = watch([CAMPAIGN, "run", "--yes", "--no-render"], server.received, cwd=folder)
    none_lost("campaign", course.received, count)
    if (sent := counts(folder)["sent"]) != count:
        raise BenchError(f"campaign: the journal says {sent} of {count} were sent")
    return course


def smtp_source_command(
    server: Server, count: int, *text: str, sessions: int = SESSIONS
) -> list[str]:
    """One `text` over kept connections; nothing is rendered."""
    return [
        "smtp-source", "-d", *text, "-s", str(sessions), "-m", str(count), "-f", "news@example.com",
        "-t", "person@d1.example", f"127.0.0.1:{server.port}",
    ]  # fmt: skip


def smtp_source(server: Server, count: int, size: int, *, sessions: int = SESSIONS) -> Course:
    """Postfix's load generator; every message must reach the server.

    `size`: bytes of each with its headers.
    """
    text = ("-l", str(size - _SOURCE_HEADERS))
    command = smtp_source_command(server, count, *text, sessions=sessions)
    course = watch(command, server.received, env=SBIN)
    none_lost("smtp-source", course.received, count)
    return course


def none_lost(who: str, received: int, count: int) -> None:
    """BenchError unless exactly `count` messages arrived."""
    if received != count:
        raise BenchError(f"{who}: {count} messages sent, {received} counted at the server")


def wire_size(campaign: Path) -> int:
    """Mean size of a campaign's first messages on the wire."""
    return round(statistics.mean(map(len, first_letters(campaign))))


def first_letters(campaign: Path, *, of: int = 200) -> list[bytes]:
    """A campaign's first messages as they were on the wire: lines end in CRLF."""
    folder = campaign.with_name(campaign.name + "-first")
    with tempfile.TemporaryDirectory(prefix="campaign-bench-") as name:
        os.chmod(name, 0o777)
        with smtp_sink("-d", f"{name}/m.") as sink:
            shutil.copytree(campaign, folder, ignore=shutil.ignore_patterns("state"))
            toml = folder / "campaign.toml"
            text = toml.read_text(encoding="utf-8")
            toml.write_text(re.sub("port = .*", f"port = {sink.port}", text), encoding="utf-8")
            rows = (folder / "list.csv").read_text(encoding="utf-8").splitlines(keepends=True)
            (folder / "list.csv").write_text("".join(rows[: of + 1]), encoding="utf-8")
            send(folder, sink, min(of, len(rows) - 1))
        letters = [message_of(path).replace(b"\n", b"\r\n") for path in Path(name).iterdir()]
    shutil.rmtree(folder)
    return letters


def message_of(path: Path) -> bytes:
    """The message in a dump, without the X- lines and the Received line of the sink."""
    lines = path.read_bytes().split(b"\n")
    index = next(n for n, line in enumerate(lines) if line.startswith(b"Received:")) + 1
    while lines[index].startswith((b"\t", b" ")):
        index += 1
    return b"\n".join(lines[index:-1])


def fresh(name: str) -> Path:
    """An empty folder under build/bench/ for one row."""
    folder = BUILD / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
