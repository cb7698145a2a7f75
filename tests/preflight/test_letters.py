"""Every letter is judged: what is wrong is found, what is right is let be."""

from __future__ import annotations

from binascii import b2a_base64, b2a_qp
from pathlib import Path

import pytest

from campaign.addresses.lookalikes import deceit_of
from campaign.pages.letter import take_apart
from campaign.preflight.letters.census import Census, take_census
from campaign.preflight.letters.clients import client_gaps, gaps_in
from campaign.preflight.letters.lint import Bulk, remarks_on
from campaign.preflight.rules import BY_ID
from campaign.records import Message
from fakes.prepared.campaigns import TOML, planned

HEAD = {
    "From": "Ada Lovelace <ada@example.com>",
    "To": "<bob@example.net>",
    "Date": "Fri, 27 Nov 2026 10:00:00 +0000",
    "Subject": "Your plan renews",
    "Message-ID": "<1.spring@example.com>",
    "List-Unsubscribe": "<https://example.com/u/1>, <mailto:out@example.com>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=utf-8",
}
HTML = '<p>Read <a href="https://example.com/news">example.com</a></p>'
LIST = Bulk(is_list=True, is_signed=True)


def wire(body: str = "Dear Bob\r\n", *more: str, **changed: str | None) -> bytes:
    """A sound letter, with fields changed (None: left out; _ for -) and others added."""
    fields = dict(HEAD)
    for name, value in changed.items():
        key = name.replace("_", "-")
        if value is None:
            del fields[key]
        else:
            fields[key] = value
    lines = [*(f"{name}: {value}" for name, value in fields.items()), *more]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def with_html(html: str) -> bytes:
    parts = (
        f'--b\r\nContent-Type: {kind}; charset="utf-8"\r\n\r\n{body}\r\n'
        for kind, body in (("text/plain", "Dear Bob"), ("text/html", html))
    )
    return wire("".join(parts) + "--b--\r\n", Content_Type='multipart/alternative; boundary="b"')


def found(letter: bytes, bulk: Bulk = LIST) -> dict[str, str]:
    remarks = list(remarks_on(letter, bulk))
    assert {remark.id for remark in remarks} <= BY_ID.keys()
    return {remark.id: f"{remark.level}: {remark.evidence}" for remark in remarks}


def test_a_sound_letter_has_nothing_against_it() -> None:
    assert found(wire()) == {}
    assert found(with_html(HTML)) == {}


@pytest.mark.parametrize(
    ("letter", "rule", "said"),
    [
        (wire("x\r\n", "From: eve@evil.example"), "letter-single", "fail: from stands 2 times"),
        (wire("x\r\n", "List-Unsubscribe: <https://e.example>"), "letter-single", "fail"),
        (wire(Date=None), "letter-single", "fail: there is no date"),
        (wire(From="a@example.com, b@example.com"), "letter-from", "fail"),
        (wire(From='"ada@bank.example" <ada@example.com>'), "letter-from", "fail"),
        (wire(From="Ada ✓ <ada@example.com>"), "letter-from", "warn"),
        (wire(From="=?utf-8?q?Ada_=E2=9C=93?= <ada@example.com>"), "letter-from", "warn"),
        (wire(From="Re: Ada <ada@example.com>"), "letter-from", "warn"),
        (wire(Message_ID=None), "letter-id", "fail"),
        (wire(Message_ID="spring"), "letter-id", "fail"),
        (wire(List_Unsubscribe=None, List_Unsubscribe_Post=None), "letter-one-click", "fail"),
        (wire(List_Unsubscribe="<mailto:out@example.com>"), "letter-one-click", "fail"),
        (wire(List_Unsubscribe="<http://example.com/u>"), "letter-one-click", "fail"),
        (wire(List_Unsubscribe_Post=None), "letter-one-click", "fail"),
        (wire("x" * 999 + "\r\n"), "letter-lines", "fail: a line of the body has 999 bytes"),
        (wire("x\r\n", "X-Long: " + "y" * 991), "letter-lines", "fail: a line of the header"),
        (wire("x\r\n", *(f"X-{n}: {'y' * 900}" for n in range(20))), "letter-head", "warn"),
        (wire("<p>x</p>", Content_Type="text/html; charset=utf-8"), "letter-text", "warn"),
        (with_html("<p>" + "y" * 102 * 1024), "letter-clipped", "warn"),
        (with_html('<a href="https://evil.example">bank.example</a>'), "letter-links", "warn"),
        (with_html("<a href='https://bit.ly/x'>here</a>"), "letter-links", "warn"),
        (with_html('<a href="https://xn--pple-43d.com">x</a>'), "letter-lookalike", "fail"),
        (wire(From="Ada <ada@xn--pple-43d.com>"), "letter-lookalike", "fail"),
        (wire(Subject="Re: your plan"), "letter-subject", "warn"),
        (wire(Subject="=?utf-8?q?Fwd=3A_x?="), "letter-subject", "warn"),
        (wire(Subject="转发:x"), "letter-subject", "warn"),
        (wire(Subject=""), "letter-subject", "warn"),
        (with_html('<p style="display:flex;gap:2px">'), "letter-clients", "info"),
    ],
)
def test_what_is_wrong_with_a_letter_is_found(letter: bytes, rule: str, said: str) -> None:
    assert found(letter)[rule].startswith(said)


@pytest.mark.parametrize(
    "letter",
    [
        wire(Subject="Regards from Ada"),
        wire("x\r\n", "In-Reply-To: <1@example.com>", Subject="Re: your plan"),
        wire(From='"Lovelace, Ada" <ada@example.com>'),
        wire(From="ada@example.com (Ada, Countess)"),
        wire(From='"example.com" <ada@mail.example.com>'),
        wire(List_Unsubscribe="<mailto:o@example.com>,\r\n <https://example.com/u>"),
        wire("x" * 998 + "\r\n"),
        with_html('<a href="https://www.example.com/x">example.com</a>'),
        with_html('<a href="https://example.com/x">Read more</a><a href="mailto:a@b.c">a@b.c</a>'),
        with_html('<a href="https://xn--fiq228c.example">x</a>'),
        with_html("<p>Say display:flex and <b>gap: 2</b> in words</p>"),
    ],
)
def test_what_is_right_is_let_be(letter: bytes) -> None:
    assert found(letter) == {}


@pytest.mark.parametrize("encoding", ["7bit", "base64", "quoted-printable"])
def test_links_are_found_however_a_part_is_encoded_and_nested(encoding: str) -> None:
    html = '<p>€ <a href="https://bit.ly/x">here</a></p>'.encode()
    coded = {"7bit": html, "base64": b2a_base64(html), "quoted-printable": b2a_qp(html)}[encoding]
    body = (
        "--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n"
        "--i\r\n\r\nDear Bob\r\n"
        f"--i\r\nContent-Type: text/html; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n{coded.decode()}\r\n--i--\r\n"
        '--o\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename="a"\r\n\r\n'
        '<a href="https://xn--pple-43d.com">x</a>\r\n--o--\r\n'
    )
    letter = wire(body, Content_Type='multipart/mixed; boundary="o"')
    assert found(letter) == {"letter-links": "warn: bit.ly hides where a link goes"}
    opened = take_apart(letter)
    assert "bit.ly" in opened.html
    assert opened.text.strip() == "Dear Bob"


def test_a_letter_to_no_list_needs_no_way_out_but_is_told() -> None:
    single = wire(List_Unsubscribe=None, List_Unsubscribe_Post=None)
    assert found(single, Bulk(False, False))["letter-one-click"].startswith("warn")


@pytest.mark.parametrize(
    "letter",
    [
        b"",
        b"\r\n\r\n",
        b"nonsense",
        wire("\xff", Content_Type="text/html; charset=klingon"),
        with_html('<a href="http://[broken">x</a>'),
    ],
)
def test_nothing_in_a_letter_ends_in_an_error(letter: bytes) -> None:
    list(remarks_on(letter, LIST))


@pytest.mark.parametrize(
    ("host", "is_deceiving"),
    [
        ("example.com", False),
        ("xn--pple-43d.com", True),  # a Cyrillic letter among Latin ones
        ("xn--80ak6aa92e.com", True),  # all Cyrillic, all of it looks Latin
        ("xn--80aswg.xn--p1ai", False),  # Cyrillic, as Cyrillic
        ("例え.jp", False),
        ("bücher.example", False),
        ("xn--0.example", False),  # no punycode
    ],
)
def test_domains_that_look_like_others_are_found(host: str, is_deceiving: bool) -> None:
    assert bool(deceit_of(host)) is is_deceiving


@pytest.mark.parametrize(
    ("html", "name"),
    [
        ('<p style="display: flex">', "display: flex"),
        ("<style>p { display:grid }</style>", "display: grid"),
        ("<p style='row-gap: 2px'>", "gap"),
        ('<p style="position:absolute">', "position"),
        ('<p style="border-radius:2px">', "border-radius"),
        ('<p style="background: #fff url(x.png)">', "background-image"),
        ("<style>@media (max-width: 9px) {}</style>", "@media"),
        ("<style>@font-face {}</style>", "@font-face"),
        ('<p style="color: var(--c)">', "CSS variables"),
        ("<svg></svg>", "<svg>"),
        ('<img alt="" src="a.svg">', "SVG image"),
        ("<video src=x>", "<video>"),
        ('<p style="box-shadow: 0 1px 2px #000">', "box-shadow"),
        ('<td style="background:linear-gradient(#fff, #eee)">', "linear-gradient()"),
        ("<style>@import url(x.css)</style>", "@import"),
        ('<p style="animation: blink 1s">', "animation"),
        ("<form action=x>", "<form>"),
        ('<img alt="" src="https://example.com/a.WebP?w=2">', "WebP image"),
    ],
)
def test_what_mail_programs_do_not_know_is_told(html: str, name: str) -> None:
    assert name in [gap.name for gap in gaps_in(html)]


def test_every_fact_about_mail_programs_has_a_day_and_is_tested_above() -> None:
    assert len(client_gaps()) == 18
    assert all(gap.tested and gap.unknown for gap in client_gaps())


def test_all_planned_letters_are_looked_at_and_counted(tmp_path: Path) -> None:
    campaign = planned(
        tmp_path,
        toml=TOML.replace('subject = "', "subject = \"{% if plan == 'gold' %}Re: {% endif %}"),
    )
    seen = take_census(campaign, workers=1)
    assert (seen.letters, seen.unmade) == (4, 0)
    assert seen.largest_bytes > 500
    by_id = {one.id: one for one in seen.findings()}
    assert by_id["letter-subject"].level == "warn"
    assert "2 of 4 messages, the first is row 1" in by_id["letter-subject"].evidence
    assert by_id["letter-id"].level == "ok"
    assert by_id["letter-signed"].level == "not-checked"


def test_a_message_id_that_comes_twice_is_found() -> None:
    seen = Census(LIST)
    for row in (1, 2):
        seen.take(Message(row, b"<1.spring@example.com>\n", 900, False))
    (finding,) = [one for one in seen.findings() if one.id == "letter-id"]
    assert finding.level == "fail"
    assert "the Message-ID of row 1 again; 1 of 2 messages" in finding.evidence


def test_a_row_without_a_letter_is_counted_and_not_judged() -> None:
    seen = Census(LIST)
    seen.take(Message(1, b"", 0, False, "render: no"))
    assert (seen.letters, seen.unmade, seen.seen) == (0, 1, {})
