"""cli.interrupts: Ctrl-C ends what lasts, whatever Python was doing just then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fakes import campaigns

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
    body = "".join(f"    {line}\n" for line in DROPPED[where].splitlines())
    folder = campaigns.write(tmp_path)
    command = [sys.executable, "-c", PROGRAM.replace("{body}", body), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "pressed\n"
    assert (done.returncode, done.stderr) == (75, "interrupted\n")
