"""What the figures were measured on: machine, load, versions, commit.

In: nothing.  Out: plain dicts for build/bench.json.  Touches: /proc, `git`, version commands.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
CAMPAIGN = Path(sys.executable).parent / "campaign"
SBIN = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}


def load() -> float:
    """Runnable processes, averaged over a minute; other people's work shows here."""
    return os.getloadavg()[0]


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def said(*command: str) -> str:
    """First line that a version command prints, "" where it is not installed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=SBIN, timeout=60)
    except FileNotFoundError:
        return ""
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0].strip() if lines else ""


def commit() -> str:
    """The commit measured, with "+" where the engine or a benchmark differs from it."""
    short = said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    changed = said("git", "-C", str(ROOT), "status", "--porcelain", "--", "campaign", "bench")
    return short + ("+" if changed else "")


def versions() -> dict[str, str]:
    """Of everything that takes part in every row; the peers tell theirs in their row."""
    import sqlite3

    return {
        "campaign": f"{said(str(CAMPAIGN), '--version').removeprefix('campaign ')} ({commit()})",
        "python": platform.python_version(),
        "uvloop": version("uvloop"),
        "jinja2": version("jinja2"),
        "sqlalchemy": version("sqlalchemy"),
        "sqlite": sqlite3.sqlite_version,
        "postfix": said("postconf", "-hd", "mail_version"),
    }


def describe() -> dict[str, str]:
    """One short text per property of this machine."""
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory_kb = int(Path("/proc/meminfo").read_text().split(None, 2)[1])
    return {
        "cpu": f"{cpu}, {os.cpu_count()} cores",
        "memory": f"{memory_kb / 2**20:.0f} GB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "filesystem": said("stat", "-f", "-c", "%T", str(ROOT)),
        "host": "virtual" if "hypervisor" in Path("/proc/cpuinfo").read_text() else "bare metal",
        "interpreter": sys.implementation.name,
    }
