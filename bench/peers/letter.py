"""The benchmark's letter in the forms that the peers take.

In: a list length.  Out: a folder with list, templates, and flat forms with [placeholders].
Touches: that folder.

A flat form is the template rendered with "[first_name]" and so on for cells, once for the plan
"pro" and once for the others, so a peer without a template engine has less to do, not more.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment

from bench.corpus import HTML, MORE, SUBJECT, TEXT, write_list

CELLS = ("first_name", "last_name", "city", "number")

MAILMERGE = """TO: {{{{ email }}}}
FROM: Example <news@example.com>
SUBJECT: {subject}
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="boundary"

--boundary
Content-Type: text/plain; charset=utf-8

{text}
--boundary
Content-Type: text/html; charset=utf-8

{html}
--boundary--
"""


def write_letters(folder: Path, count: int, port: int, *, more: int = 4) -> Path:
    """Everything the peers read."""
    folder.mkdir(parents=True, exist_ok=True)
    write_list(folder / "list.csv", count)
    html = HTML.replace("MORE", MORE * more)
    _write(folder / "body.txt", TEXT)
    _write(folder / "body.html", html)
    _write(folder / "subject.txt", SUBJECT)
    _write(folder / "mailmerge.txt", MAILMERGE.format(subject=SUBJECT, text=TEXT, html=html))
    _write(folder / "mailmerge.conf", f"[smtp_server]\nhost = 127.0.0.1\nport = {port}\n")
    for name, template in (("text", TEXT), ("html", html), ("subject", SUBJECT)):
        compiled = Environment(keep_trailing_newline=True).from_string(template)
        cells = {cell: f"[{cell}]" for cell in CELLS}
        _write(folder / f"{name}.pro", compiled.render(cells, plan="pro"))
        _write(folder / f"{name}.other", compiled.render(cells, plan="[plan]"))
    return folder


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
