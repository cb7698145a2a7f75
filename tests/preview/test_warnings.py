"""What the preview points out, and what it keeps quiet about."""

from __future__ import annotations

from dataclasses import replace
from email.message import EmailMessage

import pytest

from campaign.pages.letter import Opened, Part, take_apart
from campaign.preview.warnings import warnings_of

GOOD = (
    "<html><body><h1>Your plan renews</h1><p>There is nothing to do for you, all is well.</p>"
    '<p><a href="https://example.com/unsubscribe">Unsubscribe</a></p></body></html>'
)


def letter(html: str = GOOD, subject: str = "Your plan renews", text: str = "Hello.") -> Opened:
    message = EmailMessage()
    message["Subject"] = subject
    message["List-Unsubscribe"] = "<mailto:out@example.com>"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return take_apart(message.as_bytes())


def kinds(
    of: Opened, cells: dict[str, str] | None = None, used: set[str] | None = None
) -> set[str]:
    return {warn.kind for warn in warnings_of(of, cells or {}, frozenset(used or ()))}


def with_body(inside: str) -> Opened:
    return letter(GOOD.replace("</h1>", f"</h1>{inside}"))


def test_a_good_letter_is_left_in_peace() -> None:
    assert kinds(letter(), {"name": "Ada"}, {"name"}) == set()


@pytest.mark.parametrize(
    ("inside", "kind"),
    [
        ("<p>{{ name }}</p>", "leftover"),
        ("<p>{% if x %}</p>", "leftover"),
        ("<p>Dear None,</p>", "not-a-value"),
        ("<p>You owe nan euros</p>", "not-a-value"),
        ('<img src="cid:a">', "alt"),
        ('<a href="http://example.com">here</a>', "insecure"),
        ('<a href="https://evil.example/x">https://bank.example</a>', "mismatch"),
        ('<a href="https://evil.example/x">www.bank.example</a>', "mismatch"),
        ('<a href=" java\tscript:alert(1)">here</a>', "danger"),
        ("<script>1</script>", "script"),
        ('<p onclick="1">x</p>', "script"),
        ('<img src="https://example.com/a.png" alt="A">', "remote"),
        (f"<p>{'x' * 110_000}</p>", "clipped"),
    ],
)
def test_each_trouble_in_the_html_has_its_warning(inside: str, kind: str) -> None:
    assert kind in kinds(with_body(inside))


@pytest.mark.parametrize(
    "inside",
    [
        "<p>None of you has to do anything.</p>",
        '<img src="cid:a" alt="">',
        '<img src="https://example.com/open" width="1" height="1">',
        '<a href="https://www.example.com/a">example.com</a>',
        '<a href="https://shop.example.com/a">example.com</a>',
        '<a href="mailto:a@example.com">a@example.com</a>',
        '<a href="https://tracker.example/1">Read more</a>',
        "<style>a{color:red}b{{}}</style>",
    ],
)
def test_what_only_looks_like_trouble_is_no_warning(inside: str) -> None:
    assert kinds(with_body(inside)) == set()


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        ("x" * 71, "subject-long"),
        ("RENEW YOUR PLAN NOW", "subject-spam"),
        ("Renew now!!!", "subject-spam"),
        ("Re: your plan", "subject-spam"),
        ("Congratulations, winner", "subject-spam"),
        ("Dear {{ name }}", "leftover"),
    ],
)
def test_a_bad_subject_has_its_warning(subject: str, kind: str) -> None:
    assert kind in kinds(letter(subject=subject))


@pytest.mark.parametrize("subject", ["李小龙，你的订阅", "NASA", "How to renew?", "x" * 70])  # noqa: RUF001
def test_a_plain_subject_is_no_warning(subject: str) -> None:
    assert kinds(letter(subject=subject)) == set()


def test_an_empty_cell_is_warned_of_only_where_the_templates_rely_on_it() -> None:
    assert kinds(letter(), {"name": " "}, {"name"}) == {"empty"}
    assert kinds(letter(), {"name": ""}, {"plan"}) == set()


def test_a_cell_that_says_nan_is_warned_of() -> None:
    assert kinds(letter(), {"city": "NaN"}) == {"not-a-value"}


def test_a_letter_of_pictures_cannot_be_read_with_images_blocked() -> None:
    only = '<html><body><a href="https://x.example/unsubscribe"><img src="cid:a" alt="Sale"></a>'
    assert "blocked" in kinds(letter(only))


def test_no_way_to_unsubscribe_is_worse_than_one_in_the_header() -> None:
    bare = letter("<p>There is really nothing at all to do for you this year.</p>")
    (only_header,) = warnings_of(bare, {})
    assert only_header.title == "Unsubscribe only in the header"
    none = take_apart(bare.source.replace(b"List-Unsubscribe", b"X-Other"))
    (warn,) = warnings_of(none, {})
    assert (warn.kind, warn.title) == ("unsubscribe", "No unsubscribe link")


@pytest.mark.parametrize(
    ("name", "content", "is_good"),
    [
        ("invoice.pdf", b"%PDF-1.7\n" + b"x" * 2000 + b"\nstartxref\n9\n%%EOF\n", True),
        ("invoice.pdf", b"%PDF-1.7\n" + b"x" * 2000, False),  # cut off
        ("invoice.pdf", b"404 page not found", False),
        ("Angebot.DOCX", b"PK\x03\x04...", True),
        ("Angebot.docx", b"\xd0\xcf\x11\xe0...", False),  # an older format
        ("photo.jpeg", b"\xff\xd8\xff\xe0...", True),
        ("photo.jpeg", b"\x89PNG\r\n\x1a\n", False),
        ("notes.txt", b"\n", True),
        ("notes.txt", b"", False),
        ("README", b"x", True),
    ],
)
def test_a_file_that_no_program_opens_is_warned_of(
    name: str, content: bytes, is_good: bool
) -> None:
    part = Part("application/octet-stream", name, "", content)
    whole = replace(letter(), parts=(part,))
    assert ("file" in kinds(whole)) is not is_good


def test_the_gravest_comes_first() -> None:
    found = warnings_of(with_body('<img src="cid:a"><script>1</script>'), {})
    assert [warn.kind for warn in found] == ["script", "alt"]
