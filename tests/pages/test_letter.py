"""A letter taken apart, whoever made it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from campaign.pages.letter import framed, take_apart

HTML = (
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n from Ada\r\nContent-Type: text/html; "
    b"charset=utf-8\r\n\r\n"
)


def test_headers_are_shown_decoded_and_as_they_travel() -> None:
    (subject, _) = take_apart(HTML + b"<p>x").headers
    assert subject.value == "Grüße from Ada"
    assert subject.raw == "=?utf-8?q?Gr=C3=BC=C3=9Fe?=\n from Ada"


@given(st.binary(max_size=400))
def test_nothing_that_arrives_ends_in_an_error(source: bytes) -> None:
    letter = take_apart(source)
    framed(letter, images=True, dark=True)


def test_an_unknown_charset_is_read_as_far_as_it_goes() -> None:
    letter = take_apart(b"Content-Type: text/plain; charset=nonsense\r\n\r\nHello")
    assert letter.text == "Hello"


def test_what_reaches_out_is_taken_from_the_frame() -> None:
    shown = framed(take_apart(HTML + b'<LINK rel=preconnect href="//x"><base href="//y"><p>z'),
                   images=True, dark=False)  # fmt: skip
    assert "<link" not in shown.lower()
    assert "<base" not in shown.lower()


def test_dark_is_what_the_letter_says_or_else_turned_colours() -> None:
    own = take_apart(HTML + b"<style>@media (prefers-color-scheme: dark) {p{color:red}}</style><p>")
    assert "(min-width: 0)" in framed(own, images=True, dark=True)
    assert "(max-width: 0)" in framed(own, images=True, dark=False)
    assert "invert(1)" not in framed(own, images=True, dark=True)
    assert "invert(1)" in framed(take_apart(HTML + b"<p>x"), images=True, dark=True)
