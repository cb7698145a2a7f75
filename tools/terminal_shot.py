"""A command in a real terminal (a tmux pane), drawn as an SVG picture for the README.

In: a command, a folder to run it in, when to look.  Out: an SVG file.
Touches: a tmux server of its own, which it ends.

    python tools/terminal_shot.py docs/screenshots/run.svg --cwd build/demo --after 9 \\
        -- campaign run sample_data --sandbox --yes
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

SOCKET = "campaign-shot"


def tmux(*arguments: str) -> str:
    done = subprocess.run(
        ["tmux", "-L", SOCKET, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def capture(command: str, folder: Path, *, columns: int, rows: int, after_s: float) -> str:
    """What the pane shows `after_s` seconds after the command was typed, with its colours."""
    tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", str(folder), "sh")
    try:
        tmux("send-keys", "PS1='$ '; clear", "Enter")
        time.sleep(0.5)
        tmux("send-keys", command, "Enter")
        time.sleep(after_s)
        return tmux("capture-pane", "-p", "-e").rstrip()
    finally:
        tmux("kill-server")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("svg", type=Path)
    parser.add_argument("--cwd", type=Path, default=Path())
    parser.add_argument("--columns", type=int, default=90)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--after", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--title", default="campaign")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    shown = capture(
        shlex.join(given.command),
        given.cwd.resolve(),
        columns=given.columns,
        rows=given.rows,
        after_s=given.after,
    )
    with Path("/dev/null").open("w") as nowhere:
        console = Console(width=given.columns, record=True, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(shown), end="")
        given.svg.parent.mkdir(parents=True, exist_ok=True)
        drawn = console.export_svg(title=given.title, theme=MONOKAI)
        # The reader's own monospaced font will do: a picture must not ask the network for one.
        given.svg.write_text(re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.S), encoding="utf-8")


if __name__ == "__main__":
    main()
