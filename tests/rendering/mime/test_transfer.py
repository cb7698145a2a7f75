"""Texts in their transfer encodings come back as they went in, and keep the laws of the wire."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import RenderError
from campaign.rendering.mime.entities import text_entity
from campaign.rendering.mime.transfer import TextEncoder
from fakes.prepared.letters import parse

texts = st.text(st.characters(exclude_categories=("Cs",)))
lines = st.lists(
    st.one_of(
        texts,
        st.sampled_from([".", "..", "", " ", "\t", "From x", "a" * 80, "é" * 80, "." * 300]),
        st.builds(lambda count, end: "a" * count + end, st.integers(70, 78), st.just(".. x ..")),
    ),
)


def encoder() -> TextEncoder:
    return TextEncoder(lambda line: None)


def canonical(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decoded(entity: bytes) -> bytes:
    payload = parse(entity).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload


@given(st.one_of(texts, lines.map("\n".join), lines.map("\r\n".join)))
def test_a_text_comes_back_with_canonical_line_ends(text: str) -> None:
    entity = text_entity(b"text/plain", encoder(), [text])
    assert decoded(entity).decode() == canonical(text).replace("\n", "\r\n")
    assert entity.isascii()


@given(st.one_of(texts, lines.map("\n".join)))
def test_lines_are_at_most_76_long_and_none_begins_with_a_dot(text: str) -> None:
    _, body = encoder().encoded([text])
    for line in body.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith(b".")
        assert b"\r" not in line
        assert b"\n" not in line


@given(st.lists(lines.map("\n".join), min_size=1, max_size=5))
def test_an_encoder_says_of_a_text_the_same_whatever_it_encoded_before(texts: list[str]) -> None:
    used = encoder()
    for chunks in ([*text.splitlines(keepends=True), *texts] for text in texts):
        assert used.encoded(chunks) == encoder().encoded(["".join(chunks)])


@given(st.one_of(texts, lines.map("\n".join), lines.map("\r\n".join)), st.lists(st.integers(0, 99)))
def test_it_does_not_matter_where_a_text_is_cut_into_chunks(text: str, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    chunks = [text[start:end] for start, end in pairwise([0, *ends])]
    assert encoder().encoded(chunks) == encoder().encoded([text])


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("short ASCII lines\nof text\n", b"7bit"),
        ("a" * 77, b"quoted-printable"),
        ("trailing blank \nx", b"quoted-printable"),
        ("a = b", b"quoted-printable"),
        (".", b"quoted-printable"),
        ("NUL \0", b"quoted-printable"),
        ("Grüße aus Köln, wie geht es Ihnen?", b"quoted-printable"),
        ("王小明您好", b"base64"),
        ("", b"7bit"),
    ],
)
def test_the_shorter_encoding_is_used_and_plain_ascii_needs_none(
    text: str, encoding: bytes
) -> None:
    assert encoder().encoded([text])[0] == encoding


def test_every_line_is_checked() -> None:
    def check(line: str) -> None:
        if "{{" in line:
            raise RenderError("braces")

    with pytest.raises(RenderError, match="braces"):
        TextEncoder(check).encoded(["a\nb {{ c }}\nd"])
