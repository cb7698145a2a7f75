"""Small campaigns in a folder, planned and ready."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from campaign.clock import SystemClock
from campaign.config.loader import Campaign, load
from campaign.config.settings import Settings
from campaign.planning.plan import make_plan

TOML = """\
name = "spring"

[recipients]
files = ["list.csv"]
address = "email"
name = "{{ first_name }}"

[message]
from = "Ada Lovelace <ada@example.com>"
subject = "{{ first_name }}, your {{ plan }} plan renews"
text = "body.txt"
html = "body.html"

[unsubscribe]
mailto = "out@example.com"

[relay]
host = "127.0.0.1"
port = 1
security = "none"
"""
# Nothing but what a campaign must have; whatever is asked about stands behind it.
LEAST = """\
name = "spring"
[recipients]
files = ["list.csv"]
[message]
from = "Ada <ada@example.com>"
subject = "Hello"
text = "body.txt"
"""
TEXT = "Dear {{ first_name }},\n\nyour {{ plan }} plan renews. Unsubscribe: answer this.\n"
HTML = """\
<html><body><h1>Dear {{ first_name }}</h1>
<p>your {{ plan }} plan renews.</p>
{% if plan == "gold" %}<p>Gold is for you.</p>{% else %}<p>Try gold.</p>{% endif %}
<p><a href="https://example.com/unsubscribe">Unsubscribe</a></p>
</body></html>
"""
ROWS = (
    ("ada@example.com", "Ada", "gold"),
    ("bob@example.com", "Bob", "silver"),
    ("not an address", "Nobody", "gold"),
    ("li@qq.example", "李小龙", "gold"),
    ("eve@example.com", "Eve", ""),
)


def settings_of(folder: Path, tables: str) -> Settings:
    """Of a campaign that has these tables behind `LEAST`.  Raises ConfigErrors."""
    (folder / "campaign.toml").write_text(LEAST + tables)
    (folder / "list.csv").write_text("email\na@example.com\n")
    (folder / "body.txt").write_text("Hello\n")
    return load(folder).settings


def write(
    folder: Path,
    *,
    rows: Sequence[Sequence[str]] = ROWS,
    html: str = HTML,
    text: str = TEXT,
    toml: str = TOML,
) -> Path:
    """The files of a campaign; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "campaign.toml").write_text(toml, encoding="utf-8")
    (folder / "body.html").write_text(html, encoding="utf-8")
    (folder / "body.txt").write_text(text, encoding="utf-8")
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    lines = ["email,first_name,plan", *quoted]
    (folder / "list.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def planned(folder: Path, **files: object) -> Campaign:
    """Written and planned; in a thread of its own, since a browser may keep a loop in this one."""
    campaign = load(write(folder, **files))  # type: ignore[arg-type]
    failures: list[BaseException] = []

    def plan() -> None:
        try:
            make_plan(campaign, clock=SystemClock(), render=False)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=plan)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return campaign
