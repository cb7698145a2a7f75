"""Letters taken apart and shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.cli.commands.before.preview import lines
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.tables import columns
from campaign.errors import UsageError
from campaign.pages.letter import framed, take_apart
from campaign.preview.files import write_files
from campaign.rendering.templating.branches import Sampled, Sampling

LETTER = (
    b"From: Ada Lovelace <ada@example.com>\r\n"
    b"To: =?utf-8?b?546L5bCP5piO?= <wang@example.com>\r\n"
    b"Subject: =?utf-8?q?=C3=85sa_says_hello?=\r\n"
    b"Message-ID: <1@example.com>\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n'
    b'--m\r\nContent-Type: multipart/related; boundary="r"\r\n\r\n'
    b'--r\r\nContent-Type: multipart/alternative; boundary="a"\r\n\r\n'
    b"--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n\x1b[2Jworld\r\n"
    b"--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b'<p title="x">Hello <script>alert(1)</script><img src="cid:logo"></p>\r\n--a--\r\n'
    b"--r\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\n"
    b"Content-Transfer-Encoding: base64\r\nContent-Disposition: inline\r\n\r\niVBORw0K\r\n--r--\r\n"
    b"--m\r\nContent-Type: application/pdf\r\n"
    b'Content-Disposition: attachment; filename="terms.pdf"\r\n\r\n%PDF-1.4\r\n--m--\r\n'
)


def test_headers_are_decoded_and_parts_are_listed_in_order() -> None:
    view = take_apart(LETTER)
    assert view.header("subject") == "Åsa says hello"
    assert view.header("To") == "王小明 <wang@example.com>"
    assert [part.type for part in view.parts] == [
        "text/plain",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    assert view.parts[2].content_id == "logo"
    assert view.parts[3].name == "terms.pdf"
    assert view.size_bytes == len(LETTER)


def test_an_inline_image_is_shown_without_the_network() -> None:
    assert 'src="data:image/png;base64,iVBORw0K"' in framed(
        take_apart(LETTER), images=True, dark=False
    )


def test_the_terminal_gets_headers_text_and_parts_and_no_control_characters() -> None:
    shown = lines(take_apart(LETTER), Paint(False))
    assert shown[0] == "From        Ada Lovelace <ada@example.com>"
    assert "Message-ID  <1@example.com>" in shown
    assert "\\x1b[2Jworld" in shown
    assert any("terms.pdf" in line and "application/pdf" in line for line in shown)
    assert not any("\x1b" in line for line in shown)


def test_colour_changes_nothing_but_the_colour() -> None:
    painted = "\n".join(lines(take_apart(LETTER), Paint(True)))
    assert "\x1b[36mFrom" in painted


def test_every_letter_becomes_an_eml_file_and_a_page_of_the_index(tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    assert write_files(folder, "spring", [Sampled(3, LETTER), Sampled(12, LETTER)]) == 2
    assert sorted(file.name for file in folder.iterdir()) == [
        "000003.eml",
        "000003.html",
        "000012.eml",
        "000012.html",
        "index.html",
    ]
    assert (folder / "000003.eml").read_bytes() == LETTER
    index = (folder / "index.html").read_text(encoding="utf-8")
    assert 'href="000012.html"' in index
    assert "王小明 &lt;wang@example.com&gt;" in index


def test_a_page_forbids_the_letter_to_run_or_fetch_anything(tmp_path: Path) -> None:
    write_files(tmp_path, "spring", [Sampled(1, LETTER)])
    page = (tmp_path / "000001.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert 'sandbox=""' in page
    assert "<script" not in page  # it stands escaped in srcdoc
    assert "&lt;script&gt;alert(1)" in page


def test_the_index_says_which_branches_a_letter_shows_and_which_none_does(tmp_path: Path) -> None:
    letters = [
        Sampled(3, LETTER, ('body.html:3 if a < "b"', "body.html:9 else"), ("body.html:9 else",))
    ]
    write_files(tmp_path, "spring", letters, Sampling(letters, 2, [], ["body.html:5 if never"]))
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "2 of 3 template branches" in index
    assert "<code>body.html:9 else</code>" in index
    assert "<code>body.html:5 if never</code>" in index
    page = (tmp_path / "000003.html").read_text(encoding="utf-8")
    assert "2 template branches, chosen for 1 of them" in page
    assert "<code>body.html:3 if a &lt; &#34;b&#34;</code>" in page


def test_a_folder_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        write_files(tmp_path / "file" / "letters", "spring", [Sampled(1, LETTER)])


def test_a_long_subject_stays_whole_in_the_terminal() -> None:
    long = LETTER.replace(b"=?utf-8?q?=C3=85sa_says_hello?=", b"word " * 30)
    shown = lines(take_apart(long), Paint(False))
    assert any(columns(line) > 80 and line.startswith("Subject") for line in shown)
