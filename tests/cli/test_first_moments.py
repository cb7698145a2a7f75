"""cli.main: Ctrl-C is answered whenever it comes, also while modules load and when all is said."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from fakes.prepared import campaigns

# At each of the first hundred modules that are loaded from the entry point on, and then at every
# tenth, a copy of the process is interrupted.  The copies end one after the other; the process
# itself goes on and tells how they ended.
PRESSED = """
import os, runpy, signal, sys
from collections import Counter

ended = Counter()
begun = False
loaded = 0

def press(event, details):
    global begun, loaded
    if event != "import":
        return
    if not begun:
        begun = "campaign.cli" in sys.modules  # the next is the first of the entry point's own
        if not begun:
            return
    loaded += 1
    if loaded > 100 and loaded % 10:
        return
    child = os.fork()
    if child:
        ended[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])] += 1
    else:
        begun = False
        signal.raise_signal(signal.SIGINT)

sys.addaudithook(press)
sys.argv[1:] = sys.argv[2:]
here = os.getpid()
try:
    runpy.run_module("campaign.cli.main", run_name="__main__", alter_sys=True)
finally:
    if os.getpid() == here:
        print(dict(ended), file=open("ended", "w"))
"""
# Python takes itself down after the command has ended: what was registered first runs last.
LAST = """
import atexit, signal, sys
atexit.register(signal.raise_signal, signal.SIGINT)
from campaign.cli.main import begin
sys.exit(begin())
"""


def test_a_ctrl_c_while_any_module_loads_ends_with_75_and_one_word(tmp_path: Path) -> None:
    (tmp_path / "pressed.py").write_text(PRESSED)
    arguments = ["suppress", "list", "--campaign", str(campaigns.write(tmp_path))]
    done = subprocess.run(
        [sys.executable, "-m", "pressed", "pressed", *arguments],
        capture_output=True, text=True, timeout=300, cwd=tmp_path,
    )  # fmt: skip
    ended: Counter[int] = Counter(eval((tmp_path / "ended").read_text()))
    assert set(ended) == {75}
    assert ended[75] > 100
    said = done.stderr.splitlines()
    assert said == ["interrupted"] * ended[75]
    assert done.returncode == 0


def test_a_ctrl_c_when_a_command_has_ended_leaves_its_exit_code_as_it_is() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LAST, "--nonsense"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 64
    assert "Traceback" not in done.stderr


def test_one_that_was_told_not_to_hear_it_does_not() -> None:
    """`nohup`, and `&` in a script, start a command so."""
    program = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{LAST}"
    done = subprocess.run(
        [sys.executable, "-c", program, "--version"], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
