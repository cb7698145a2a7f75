"""MIME entities: bodies come back as they went in, and keep the laws of the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import RenderError
from campaign.rendering.mime import (
    Hole,
    Multipart,
    Skeleton,
    delimited,
    encoded_text,
    file_entity,
    media_type,
    text_entity,
)
from fakes.letters import parse

texts = st.text(st.characters(exclude_categories=("Cs",)))
lines = st.lists(
    st.one_of(texts, st.sampled_from([".", "..", "", " ", "\t", "From x", "a" * 80, "é" * 80])),
)


def canonical(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decoded(entity: bytes) -> bytes:
    payload = parse(entity).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload


@given(st.one_of(texts, lines.map("\n".join), lines.map("\r\n".join)))
def test_a_text_comes_back_with_canonical_line_ends(text: str) -> None:
    entity = text_entity(b"text/plain", text)
    assert decoded(entity).decode() == canonical(text).replace("\n", "\r\n")
    assert entity.isascii()
    for line in entity.split(b"\r\n"):
        assert len(line) <= 78
        assert b"\r" not in line
        assert b"\n" not in line


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("short ASCII lines\nof text\n", b"7bit"),
        ("a" * 79, b"quoted-printable"),
        ("trailing blank \nx", b"quoted-printable"),
        ("NUL \0", b"quoted-printable"),
        ("Grüße aus Köln, wie geht es Ihnen?", b"quoted-printable"),
        ("王小明您好", b"base64"),
        ("", b"7bit"),
    ],
)
def test_the_shorter_encoding_is_used_and_plain_ascii_needs_none(
    text: str, encoding: bytes
) -> None:
    assert encoded_text(text)[0] == encoding


@given(st.binary(max_size=300))
def test_a_file_comes_back_byte_for_byte(content: bytes) -> None:
    assert decoded(file_entity(content, "a.bin")) == content


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("terms.PDF", "application/pdf"),
        ("logo.png", "image/png"),
        ("table.csv", "text/csv"),
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


def test_a_file_name_cannot_add_a_field() -> None:
    with pytest.raises(RenderError, match="filename holds U\\+000D"):
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
