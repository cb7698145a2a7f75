"""Images inside the HTML: unique IDs, and links that lead to them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from campaign.rendering.files.images import Images
from fakes.prepared.letters import parse, parsed, rendered, spec, text_of, write

pytest.importorskip("markdown_it")


def content_id(images: Images, number: int = 0) -> str:
    return str(parse(images.entities[number])["Content-ID"]).strip("<>")


def test_every_way_to_name_an_image_leads_to_it(tmp_path: Path) -> None:
    write(tmp_path, "logo.png", b"a")
    images = Images(tmp_path, {"logo": "logo.png"}, b"k", "b.example")
    found = content_id(images)
    html = '<img src="cid:logo"><td background=cid:logo style="background:url(cid:logo)">cid:other'
    assert images.pointed(html) == html.replace("cid:logo", f"cid:{found}")


def test_another_image_is_another_id_and_the_same_image_is_the_same(tmp_path: Path) -> None:
    write(tmp_path, "a.png", b"a")
    first = Images(tmp_path, {"x": "a.png", "y": "a.png"}, b"k", "b.example")
    again = Images(tmp_path, {"x": "a.png"}, b"k", "b.example")
    other_key = Images(tmp_path, {"x": "a.png"}, b"other", "b.example")
    write(tmp_path, "a.png", b"b")
    edited = Images(tmp_path, {"x": "a.png"}, b"k", "b.example")
    ids = {content_id(first), content_id(first, 1), content_id(other_key), content_id(edited)}
    assert len(ids) == 4
    assert content_id(again) == content_id(first)


@pytest.mark.parametrize("name", ["logo", "a@b", "..", "a.b", "a+b_c-d"])
def test_an_id_is_a_msg_id_whatever_the_name(tmp_path: Path, name: str) -> None:
    write(tmp_path, "a.png", b"a")
    found = content_id(Images(tmp_path, {name: "a.png"}, b"k", "b.example"))
    atom = r"[A-Za-z0-9_+-]+"
    assert re.fullmatch(rf"{atom}(\.{atom})*@b\.example", found)  # RFC 5322, 3.2.3 and 3.6.4


def test_an_image_in_markdown_is_found_too(tmp_path: Path) -> None:
    write(tmp_path, "logo.png", b"a")
    write(tmp_path, "body.md", "Hello\n\n![Our logo](cid:logo)\n")
    mail = parsed(rendered(spec(tmp_path, markdown="body.md", inline={"logo": "logo.png"})))
    image = next(part for part in mail.walk() if part["Content-ID"])
    assert f'src="cid:{image["Content-ID"].strip("<>")}"' in text_of(mail, "text/html")


def test_images_of_a_letter_that_shows_none_are_told(tmp_path: Path) -> None:
    write(tmp_path, "logo.png", b"a")
    with pytest.raises(ValueError, match="inline names images, and the letter has no HTML"):
        rendered(spec(tmp_path, inline={"logo": "logo.png"}))
