"""Any row of any Unicode is a message that two parsers read back exactly, or a refusal.

The standard library is one; the other, fast-mail-parser, is written in Rust and shares nothing
with it.  What is theirs to read wrongly is said where it is left out.  `make fuzz` tries 10,000
rows, `make test` fifty.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import fast_mail_parser
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from campaign.errors import RenderError
from campaign.records import Message
from campaign.rendering.render import Renderer, UnsubscribeSpec
from fakes.mail.scanner import header_names, laws
from fakes.prepared.letters import job, parse, spec, text_of, write

COLUMNS = ("name", "subject", "body", "file", "extra")
FIELDS = ["From", "MIME-Version", "List-Unsubscribe-Post", "Reply-To", "List-ID",
          "Feedback-ID", "Auto-Submitted", "Date", "To", "Subject", "Message-ID",
          "List-Unsubscribe", "X-Extra", "Content-Type"]  # fmt: skip
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HEBREW, EMOJI, COMBINED = "שלום עולם", "👩\u200d👩\u200d👧\u200d👦🏳️\u200d🌈", "e\u0301a\u0308\u0323"

# `{{` left in a letter is refused; that has its own test.
anything = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="{"))
lines = st.lists(
    st.one_of(anything, st.sampled_from([".", "..", "", " ", "\t", "From x", "--=_", "a" * 1200]))
).flatmap(lambda parts: st.sampled_from(["\n", "\r\n", "\r"]).map(lambda end: end.join(parts)))
in_header = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters=BIDI + "{")
)
shown = in_header.filter(lambda text: text.strip() == text and text)
# What a file system takes as one name.
file_names = shown.map(lambda text: re.sub(r"[/;\0]", "-", text)[:60]).filter(
    lambda text: text.strip(".") and len(text.encode()) <= 200 and not text.isspace()
)
contents = st.binary(max_size=2000)
rows = st.fixed_dictionaries(
    {"name": shown, "subject": shown, "body": st.one_of(anything, lines), "file": file_names,
     "extra": shown}
)  # fmt: skip


class Workroom:
    """A campaign that puts each cell where it could do harm."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self.files.mkdir()
        write(folder, "body.txt", "{{ body }}\n.\nend\n")
        write(folder, "body.html", "<p>{{ body }}</p>\n")
        self._renderer = Renderer(
            spec(
                folder,
                COLUMNS,
                name="{{ name }}",
                subject="{{ subject }}",
                text="body.txt",
                html="body.html",
                reply_to="help@example.com",
                headers={"X-Extra": "{{ extra }}"},
                attachments=("files/{{ file }}",),
                unsubscribe=UnsubscribeSpec("https://example.com/u", "", "news"),
            )
        )

    def letter(self, row: dict[str, str], content: bytes) -> Message:
        path = self.files / row["file"]
        path.write_bytes(content)
        try:
            return self._renderer.render(job({column: row[column] for column in COLUMNS}))
        finally:
            path.unlink()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Workroom:
    return Workroom(tmp_path_factory.mktemp("fuzz"))


def canonical(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("'", "&#39;").replace('"', "&#34;")


def unblanked(text: str) -> str:
    """Readers of phrases differ about runs of blanks, and between encoded-words."""
    return "".join(text.split())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(row=rows, content=contents)
@example({"name": "王, 小明 \"x\"", "subject": HEBREW, "body": EMOJI, "file": "发票.pdf",
          "extra": COMBINED}, b"\r\n.\r\n")  # fmt: skip
@example({"name": "=?utf-8?q?a=0d=0aBcc:_v@x.example?=", "subject": "=?utf-8?b?YQ==?=",
          "body": "\r\n.\r\nMAIL FROM:<x@y.example>\r\n", "file": "a\"b\\c'd%20.txt",
          "extra": "x" * 300}, b"")  # fmt: skip
def test_any_row_comes_back_exactly_through_two_parsers(
    room: Workroom, row: dict[str, str], content: bytes
) -> None:
    message = room.letter(row, content)
    laws(message.wire)
    assert header_names(message.wire) == FIELDS
    raw = message.wire.replace(b"\r\n..", b"\r\n.")
    assert message.size_bytes == len(raw)
    text = canonical(f"{row['body']}\n.\nend\n")  # a CR and the template's LF are one line end
    html = canonical(f"<p>{escaped(row['body'])}</p>\n")
    by_library(raw, row, text, html, content)
    by_the_other(raw, row, text, html, content)


def by_library(raw: bytes, row: dict[str, str], text: str, html: str, content: bytes) -> None:
    mail = parse(raw)
    assert not [defect for part in mail.walk() for defect in part.defects]
    assert mail.keys() == FIELDS
    assert mail["Subject"] == row["subject"]
    assert mail["X-Extra"] == row["extra"]
    (to,) = mail["To"].addresses
    assert to.addr_spec == "ada@example.com"
    assert unblanked(to.display_name) == unblanked(row["name"])
    alternative, file = mail.iter_parts()
    plain, page = alternative.iter_parts()  # type: ignore[attr-defined]
    assert (plain.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    assert canonical(plain.get_payload(decode=True).decode()) == text
    assert canonical(page.get_payload(decode=True).decode()) == html
    assert file["Content-Disposition"].params["filename"].strip() == row["file"].strip()
    assert file.get_payload(decode=True) == content


def by_the_other(raw: bytes, row: dict[str, str], text: str, html: str, content: bytes) -> None:
    mail = fast_mail_parser.parse_email(raw)
    assert list(mail.headers) == FIELDS
    assert all(len(values) == 1 for values in mail.headers.values())
    assert unblanked(mail.subject) == unblanked(row["subject"])
    assert [canonical(part) for part in mail.text_plain] == [text]
    assert [canonical(part) for part in mail.text_html] == [html]
    (file,) = mail.attachments
    assert file.content == content
    assert file.filename.strip() == row["file"].strip()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(cells=st.tuples(*[st.text() for _ in COLUMNS]))
def test_any_text_at_all_is_a_lawful_message_or_a_refusal_in_one_sentence(
    room: Workroom, cells: tuple[str, ...]
) -> None:
    row = dict(zip(COLUMNS, cells, strict=True)) | {"file": "fixed.bin"}
    refusal = ""
    try:
        message = room.letter(row, b"x")
    except RenderError as refused:
        refusal = str(refused)
    if refusal:
        assert "\n" not in refusal
        return
    laws(message.wire)
    expected = FIELDS if row["extra"].strip() else [name for name in FIELDS if name != "X-Extra"]
    assert header_names(message.wire) == expected


@pytest.mark.parametrize("text", [HEBREW, EMOJI, COMBINED, "ﷺ", "\u200fא", "한국어", "ไทย"])
def test_scripts_and_marks_are_not_normalised_on_their_way(room: Workroom, text: str) -> None:
    row = {"name": text, "subject": text, "body": text, "file": "a.bin", "extra": text}
    mail = parse(room.letter(row, b"").wire)
    assert mail["Subject"] == text
    assert text_of(mail) == f"{text}\n..\nend\n".replace("..", ".")
    assert {unicodedata.name(char, "") for char in mail["X-Extra"]} == {
        unicodedata.name(char, "") for char in text
    }
