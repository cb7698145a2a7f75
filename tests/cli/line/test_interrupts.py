"""cli.line.interrupts: Ctrl-C ends what lasts, whatever Python was doing just then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fakes.prepared import campaigns

# The signal comes while a finalizer runs, a generator is closed, a weak reference called back.
DROPPED = {
    "finalizer": """
class Dies:
    def __del__(self):
        press()
Dies()
""",
    "generator": """
def walk():
    try:
        yield
    finally:
        press()
next(walk())
""",
    "weak reference": """
class Dies: pass
dies = Dies()
watched = weakref.ref(dies, lambda gone: press())
del dies
""",
}
PROGRAM = """
import signal, sys, time, weakref
from campaign.cli import overview
from campaign.cli.main import main

def press():
    signal.raise_signal(signal.SIGINT)
    time.sleep(0)

def lasts(*place, **options):
{body}
    print("pressed", flush=True)
    time.sleep(600)

overview.show = lasts
sys.exit(main(["status", sys.argv[1], "--watch"]))
"""


@pytest.mark.parametrize("where", DROPPED)
def test_a_ctrl_c_that_python_drops_is_heard_nevertheless(where: str, tmp_path: Path) -> None:
    done = lasting(DROPPED[where], tmp_path)
    assert done.stdout == "pressed\n"
    assert (done.returncode, done.stderr) == (75, "interrupted\n")


def test_a_ctrl_c_within_a_text_that_is_run_ends_with_75_too(tmp_path: Path) -> None:
    done = lasting("eval('press()')", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (75, "", "interrupted\n")


def lasting(body: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command that does this and then waits for ten minutes."""
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    (folder / "pressing.py").write_text(PROGRAM.replace("{body}", indented))
    command = [sys.executable, "-m", "pressing", str(campaigns.write(folder))]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder)
