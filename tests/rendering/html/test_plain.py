"""The text that is made from HTML: what a reader without HTML needs of it."""

from __future__ import annotations

import pytest

from campaign.rendering.html.plain import text_of_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="https://x.example/a?b=1&amp;c=2">Renew</a>!',
         "Renew <https://x.example/a?b=1&c=2>!"),
        ('<a href="https://x.example/">https://x.example</a>', "https://x.example"),
        ('<a href="https://x.example">https://x.example</a>', "https://x.example"),
        ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
        ('<a href="mailto:a@b.example">write to us</a>', "write to us <mailto:a@b.example>"),
        ('<a href="#top">to the top</a>', "to the top"),
        ('<a href="javascript:x()">run</a>', "run"),
        ('<a href="https://x.example"><b>bold</b> <i>it</i></a>', "bold it <https://x.example>"),
        ('<a href="https://x.example"><img src="a" alt="Our shop"></a>',
         "Our shop <https://x.example>"),
        ('<a href="https://x.example"><img src="a" alt=""></a>', "https://x.example"),
        ('<img src="a" alt="Half price"> today', "Half price today"),
        ('<img src="a" alt=""><img src="b">Hello', "Hello"),
        ("<?xml version='1.0' encoding='utf-8'?><p>Hello</p>", "Hello"),
        ("<p>1 &lt; 2</p>", "1 < 2"),
    ],
)  # fmt: skip
def test_links_and_images_are_written_as_people_write_them(html: str, text: str) -> None:
    assert text_of_html(html).strip() == text


def test_html_that_says_nothing_is_no_text() -> None:
    assert text_of_html("").strip() == text_of_html("<div></div>").strip() == ""
