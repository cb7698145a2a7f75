"""MIME entities: bodies come back as they went in, and keep the laws of the wire."""

from __future__ import annotations

import re
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import RenderError
from campaign.rendering.mime.entities import (
    Hole,
    Multipart,
    Skeleton,
    delimited,
    file_entity,
    media_type,
)
from fakes.prepared.letters import parse


@given(st.binary(max_size=300))
def test_a_file_comes_back_byte_for_byte(content: bytes) -> None:
    entity = parse(file_entity(content, "a.bin"))
    assert entity.get_payload(decode=True) == content


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("terms.PDF", "application/pdf"),
        ("logo.png", "image/png"),
        ("table.csv", "text/csv"),
        ("offer.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("prices.XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("talk.pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
        ("old.xls", "application/vnd.ms-excel"),
        ("meeting.ics", "text/calendar"),
        ("card.vcf", "text/vcard"),
        ("letter.eml", "application/octet-stream"),  # message/rfc822 must not be base64
        ("archive.tar.gz", "application/octet-stream"),
        ("nothing", "application/octet-stream"),
    ],
)
def test_the_type_of_a_file_is_known_by_its_name(name: str, media: str) -> None:
    assert media_type(name) == media


def test_an_inline_image_has_a_content_id() -> None:
    image = parse(file_entity(b"x", "logo.png", content_id="logo"))
    assert image["Content-ID"] == "<logo>"
    assert image.get_content_disposition() == "inline"


def test_a_name_that_needs_rfc_2231_stands_in_the_old_form_too() -> None:
    entity = file_entity(b"x", "账单" * 20 + ".pdf")
    head = entity.partition(b"\r\n\r\n")[0].decode()
    assert max(map(len, head.split("\r\n"))) <= 78
    kind, disposition = (parse(entity)[name] for name in ("Content-Type", "Content-Disposition"))
    assert disposition.params["filename"] == "账单" * 20 + ".pdf"
    written = re.search(r'name="([^"]*)"', head)
    assert written
    assert str(make_header(decode_header(written[1]))) == "账单" * 20 + ".pdf"
    assert kind.content_type == "application/pdf"
    assert "name=" not in file_entity(b"x", "terms.pdf").decode().replace("filename=", "")


@pytest.mark.parametrize(
    ("content", "charset"), [("Grüße".encode(), "utf-8"), ("Grüße".encode("cp1252"), None)]
)
def test_a_text_file_in_utf8_says_so(content: bytes, charset: str | None) -> None:
    assert parse(file_entity(content, "meeting.ics")).get_content_charset() == charset


def test_a_file_name_cannot_add_a_field() -> None:
    with pytest.raises(RenderError, match="name holds U\\+000D"):
        file_entity(b"x", "a\r\nX: y.pdf")


def test_levels_nest_and_the_boundary_stands_everywhere() -> None:
    skeleton = Skeleton(
        Multipart(
            "mixed",
            (
                Multipart("alternative", (Hole(0), Multipart("related", (Hole(1), b"\r\nlogo")))),
                b"\r\nfixed",
            ),
            more=Hole(2),
        )
    )
    for number in range(3):
        files = [b"\r\n%d" % index for index in range(number)]
        pieces = skeleton.fill("=_x", [b"\r\ntext", b"\r\nhtml", delimited("=_x", files)])
        tree = parse(b"MIME-Version: 1.0\r\n" + b"".join(pieces))
        assert not tree.defects
        alternative, *others = tree.iter_parts()
        text, related = alternative.iter_parts()  # type: ignore[attr-defined]
        html, logo = related.iter_parts()
        found = [part.get_payload() for part in (text, html, logo, *others)]
        assert found == ["text", "html", "logo", "fixed", *map(str, range(number))]


def test_no_boundary_is_the_beginning_of_another() -> None:
    inner = Multipart("alternative", (Hole(0), Hole(0)))
    body = b"".join(Skeleton(Multipart("mixed", (inner,))).fill("=_x", [b"\r\n"]))
    boundaries = {line for line in body.split(b"\r\n") if line.startswith(b"--")}
    assert boundaries == {b"--=_x.0", b"--=_x.1", b"--=_x.0--", b"--=_x.1--"}
