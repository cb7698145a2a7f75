"""The main job on real parts: a CSV in, smtp-sink at the other end, every message compared."""

from __future__ import annotations

import csv
import html
import json
import random
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

from fakes.mail.sink import smtp_sink

CAMPAIGN = [sys.executable, "-m", "campaign.cli.main"]
GIVEN = ["Ada", "José", "Zoë", "王小明", "李娜", "Ольга", "علي", "O'Brien", 'Anna "Nan"', "D, J."]
FAMILY = ["Lovelace", "García", "Ångström", "欧阳", "Иванова", "Müller-Lüdenscheidt", "von Neumann"]
NOTES = ["plain", "two\nlines", 'a "quoted" word', "commas, here, and; there", ".", "=?utf-8?q?x?="]

CONFIG = """
name = "every-recipient"
[recipients]
files = ["list.csv"]
name = "{{ given }} {{ family }}"
[message]
from = "Ada Lovelace <ada@example.com>"
subject = "{{ given }}, Ihr Vertrag №{{ number }}: {{ note }}"
text = "body.txt"
html = "body.html"
attachments = ["terms.bin", "invoices/{{ number }}.txt"]
[relay]
host = "127.0.0.1"
port = %d
security = "none"
connections = 10
messages_per_connection = 20
"""
TEXT = """Hello {{ given }} {{ family }},

{{ note }}
.
..dots at the start of lines
{% for n in range(3) %}line {{ n }} for {{ number }}
{% endfor %}"""
HTML = (
    "<p>Hello <b>{{ given }}</b> {{ family }}: {{ note }}</p>"
    "{% if number %}<i>{{ number }}</i>{% endif %}"
)


def write_campaign(folder: Path, count: int, port: int) -> dict[str, dict[str, str]]:
    """A campaign of `count` recipients; address -> its row."""
    dice = random.Random(count)
    rows = {}
    (folder / "invoices").mkdir()
    for n in range(count):
        row = {
            "email": f"person.{n}@d{n % 17}.example",
            "given": dice.choice(GIVEN),
            "family": dice.choice(FAMILY),
            "number": f"{n:06d}",
            "note": dice.choice(NOTES).replace("\n", " ") if n % 2 else dice.choice(NOTES[:1]),
        }
        rows[row["email"]] = row
        (folder / "invoices" / f"{row['number']}.txt").write_text(f"invoice {n}\n" * (n % 5 + 1))
    with (folder / "list.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["email", "given", "family", "number", "note"])
        writer.writeheader()
        writer.writerows(rows.values())
    (folder / "terms.bin").write_bytes(bytes(range(256)) * 4)
    (folder / "body.txt").write_text(TEXT, encoding="utf-8")
    (folder / "body.html").write_text(HTML, encoding="utf-8")
    (folder / "campaign.toml").write_text(CONFIG % port, encoding="utf-8")
    return rows


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CAMPAIGN, *arguments], cwd=cwd, text=True, capture_output=True, timeout=120, check=False
    )


def expected_text(row: dict[str, str]) -> str:
    lines = "".join(f"line {n} for {row['number']}\n" for n in range(3))
    return (
        f"Hello {row['given']} {row['family']},\n\n{row['note']}\n.\n"
        f"..dots at the start of lines\n{lines}"
    )


def text_of(message: EmailMessage, subtype: str) -> str:
    """A body; base64 keeps its CRLF, which is how text travels (RFC 2046, 4.1.1)."""
    body = message.get_body((subtype,))
    return body.get_content().replace("\r\n", "\n").rstrip("\n")


def html_escape(text: str) -> str:
    return html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


def expected_html(row: dict[str, str]) -> str:
    safe = {name: html_escape(value) for name, value in row.items()}
    return (
        f"<p>Hello <b>{safe['given']}</b> {safe['family']}: {safe['note']}</p>"
        f"<i>{safe['number']}</i>"
    )


def test_every_recipient_gets_exactly_one_message_with_exactly_their_data(tmp_path):
    with smtp_sink(dump=True) as sink:
        rows = write_campaign(tmp_path, 500, sink.port)
        done = run("run", "--yes", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        seen = []
        for dumped in sink.messages():
            row = rows[dumped.recipient]
            message = dumped.message
            seen.append(dumped.recipient)
            assert dumped.sender == "ada@example.com"
            note = row["note"]
            assert message["Subject"] == f"{row['given']}, Ihr Vertrag №{row['number']}: {note}"
            to = message["To"].addresses
            assert [(a.display_name, a.addr_spec) for a in to] == [
                (f"{row['given']} {row['family']}", row["email"])
            ]
            assert text_of(message, "plain") == expected_text(row).rstrip("\n")
            assert text_of(message, "html") == expected_html(row)
            attached = {part.get_filename(): part for part in message.iter_attachments()}
            assert set(attached) == {"terms.bin", f"{row['number']}.txt"}
            assert attached["terms.bin"].get_payload(decode=True) == bytes(range(256)) * 4
            invoice = (tmp_path / "invoices" / f"{row['number']}.txt").read_bytes()
            assert attached[f"{row['number']}.txt"].get_payload(decode=True) == invoice
        assert sorted(seen) == sorted(rows)
    results = run("results", "--format", "jsonl", cwd=tmp_path)
    states = [json.loads(line) for line in results.stdout.splitlines()]
    assert {result["state"] for result in states} == {"sent"}
    assert {result["address"] for result in states} == set(rows)
    assert run("audit", cwd=tmp_path).returncode == 0
