"""Header fields: what goes in comes out, and nothing else."""

from __future__ import annotations

import base64
import email.header
import email.utils
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import RenderError
from campaign.rendering.mime import headers
from fakes.prepared.letters import parse

FORBIDDEN = "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
texts = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters=FORBIDDEN))
# The standard library strips these from what it has decoded.
names = texts.filter(lambda text: text.strip(" ") == text.strip() and text.strip())
ENCODED_WORD = re.compile(rb"=\?[^?]+\?[bBqQ]\?[^?]*\?=")


def laws(block: bytes) -> None:
    """What holds for every header block (RFC 5322, 2.1.1 and 2.2.3; RFC 2047, 2)."""
    assert block.endswith(b"\r\n")
    for line in block[:-2].split(b"\r\n"):
        assert b"\r" not in line
        assert b"\n" not in line
        assert line.strip()
        assert len(line) <= headers.LONGEST
        words = ENCODED_WORD.findall(line)
        assert all(len(word) <= 75 for word in words)
        assert not words or len(line) <= 76


def subject(block: bytes) -> str:
    return str(parse(block + b"\r\n")["Subject"])


def decoded(raw: str) -> str:
    """By the second parser of the standard library."""
    return str(email.header.make_header(email.header.decode_header(raw.strip())))


@given(texts)
def test_a_subject_comes_back_as_it_went_in(text: str) -> None:
    block = headers.text_field("Subject", text)
    laws(block)
    assert subject(block) == text.strip(" ")


@given(texts.filter(lambda text: not text.isascii()))
def test_an_encoded_subject_comes_back_through_the_old_parser_too(text: str) -> None:
    raw = headers.text_field("Subject", text).decode().partition(":")[2].replace("\r\n", "")
    assert decoded(raw) == text.strip(" ")


@given(names)
def test_a_display_name_comes_back_as_it_went_in(name: str) -> None:
    block = headers.mailbox_field("To", name, "ada@example.com")
    laws(block)
    (mailbox,) = parse(block + b"\r\n")["To"].addresses
    assert mailbox.addr_spec == "ada@example.com"
    # The library's reader of phrases shows every run of blanks as one, and puts one between two
    # encoded-words, against RFC 2047, 6.2; the older reader, below, does neither.
    assert "".join(mailbox.display_name.split()) == "".join(name.split())


@given(names.filter(lambda name: not name.isascii()))
def test_an_encoded_name_comes_back_exactly_through_the_old_parser(name: str) -> None:
    block = headers.mailbox_field("To", name, "ada@example.com")
    phrase, _, _ = block.decode().partition(":")[2].replace("\r\n", "").rpartition("<")
    assert decoded(phrase) == name.strip(" ")


@given(names)
def test_a_file_name_comes_back_as_it_went_in(name: str) -> None:
    block = f"Content-Disposition: attachment{headers.parameter('filename', name)}\r\n".encode()
    laws(block)
    assert all(len(line) <= headers.LINE for line in block.split(b"\r\n"))
    # get_filename() would take quotes off a second time.
    read = parse(block + b"\r\n")["Content-Disposition"].params["filename"]
    assert read.strip() == name.strip()


@given(texts, st.integers(24, 75))
def test_padding_stands_at_the_end_of_the_last_word_only(text: str, first: int) -> None:
    words = headers.encoded_words(text, first)
    assert not [word for word in words[:-1] if "?b?" in word and word.endswith("=?=")]


@pytest.mark.parametrize("char", ["ß", "한", "😀", "\u2019", "Щ"])
def test_a_long_subject_can_be_joined_before_it_is_decoded(char: str) -> None:
    """As GMime 3.2 does it, and with it notmuch and mu."""
    words = headers.encoded_words(char * 100)
    assert len(words) > 2
    joined = "".join(word.removeprefix("=?utf-8?b?").removesuffix("?=") for word in words)
    assert base64.b64decode(joined, validate=True).decode() == char * 100


@given(texts, st.integers(24, 75))
def test_encoded_words_never_split_a_character(text: str, first: int) -> None:
    words = headers.encoded_words(text, first)
    assert len(words[0]) <= first
    for word in words:
        assert len(word) <= 75
        email.header.decode_header(word)[0][0].decode("utf-8")  # type: ignore[union-attr]
    assert (
        "".join(
            email.header.decode_header(word)[0][0].decode("utf-8")  # type: ignore[union-attr]
            for word in words
        )
        == text
        or not text
    )


# RFC 2047, 8 (in UTF-8) and 5; what each is written as.
@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Keld Jørn Simonsen", "=?utf-8?q?Keld_J=C3=B8rn_Simonsen?="),
        ("André Pirard", "=?utf-8?q?Andr=C3=A9_Pirard?="),
        ("Patrik Fältström", "=?utf-8?b?UGF0cmlrIEbDpGx0c3Ryw7Zt?="),
        ("Olle Järnefors", "=?utf-8?q?Olle_J=C3=A4rnefors?="),
        ("a", "a"),
        ("a b", "a b"),
        ("王小明", "=?utf-8?b?546L5bCP5piO?="),
        ("=?utf-8?q?a?=", "=?utf-8?b?PT91dGYtOD9xP2E/PQ==?="),
    ],
)
def test_the_examples_of_rfc_2047(text: str, written: str) -> None:
    assert headers.text_field("Subject", text) == f"Subject: {written}\r\n".encode()
    assert subject(headers.text_field("Subject", text)) == text


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Mary Smith", "Mary Smith"),
        ("Joe Q. Public", '"Joe Q. Public"'),
        ('Giant; "Big" Box', '"Giant; \\"Big\\" Box"'),
        ("Lovelace, Ada", '"Lovelace, Ada"'),
        ("back\\slash", '"back\\\\slash"'),
        ("two  blanks", '"two  blanks"'),
        ("a@b", '"a@b"'),
        ("", None),
    ],
)
def test_display_names_are_atoms_or_quoted_by_rfc_5322(name: str, written: str | None) -> None:
    expected = f"To: {written} <a@b.example>\r\n" if written else "To: a@b.example\r\n"
    assert headers.mailbox_field("To", name, "a@b.example") == expected.encode()


# RFC 2231, 3 and 4 (in UTF-8 and with the names of today).
def test_a_short_file_name_is_a_quoted_string() -> None:
    assert headers.parameter("filename", "a (b), c.pdf") == ';\r\n filename="a (b), c.pdf"'


def test_a_file_name_with_quotes_is_percent_encoded() -> None:
    assert headers.parameter("filename", 'a"\\.pdf') == ";\r\n filename*=utf-8''a%22%5C.pdf"


def test_a_file_name_of_another_script_is_percent_encoded() -> None:
    assert headers.parameter("filename", "账单.pdf") == (
        ";\r\n filename*=utf-8''%E8%B4%A6%E5%8D%95.pdf"
    )


def test_a_long_file_name_is_continued() -> None:
    written = headers.parameter("filename", "账单" * 12 + ".pdf")
    assert written.startswith(";\r\n filename*0*=utf-8''%E8%B4%A6")
    assert ";\r\n filename*1*=%" in written


def test_a_file_name_that_looks_like_an_encoded_word_is_percent_encoded() -> None:
    assert headers.parameter("filename", "=?utf-8?q?a?=") == (
        ";\r\n filename*=utf-8''%3D%3Futf-8%3Fq%3Fa%3F%3D"
    )


@pytest.mark.parametrize(
    "char", ["\x00", "\n", "\r", "\t", "\x0b", "\x0c", "\x1b", "\x7f", "\x85", "\x9f",
             "\u2028", "\u2029", "\u202e", "\u202a", "\u2066", "\u2069", "\ud800"],
)  # fmt: skip
@pytest.mark.parametrize(
    "write",
    [
        lambda value: headers.text_field("X", value),
        lambda value: headers.mailbox_field("X", value, "a@b.example"),
        lambda value: headers.parameter("X", value),
    ],
    ids=["text", "name", "parameter"],
)
def test_a_control_or_bidi_character_is_refused(char: str, write: Callable[[str], object]) -> None:
    with pytest.raises(RenderError, match=f"X holds U\\+{ord(char):04X}"):
        write(f"a{char}b")


def test_marks_that_right_to_left_names_need_are_allowed() -> None:
    text = "\u200fمحمد\u200e ‌א‍"
    assert subject(headers.text_field("Subject", text)) == text


def test_a_value_of_100_kb_is_refused() -> None:
    with pytest.raises(RenderError, match="Subject has 100000 characters, more than 10000"):
        headers.text_field("Subject", "a" * 100_000)


def test_a_word_of_2000_ascii_characters_is_encoded() -> None:
    block = headers.text_field("Subject", "a" * 2000)
    laws(block)
    assert subject(block) == "a" * 2000


def test_a_long_ascii_subject_is_folded_at_its_blanks_and_keeps_them_all() -> None:
    text = "word  " * 40 + "end"
    block = headers.text_field("Subject", text)
    laws(block)
    assert all(len(line) <= headers.LINE for line in block.split(b"\r\n"))
    assert b"=?" not in block
    assert subject(block) == text


def test_the_longest_field_name_leaves_room_for_any_character() -> None:
    name = headers.field_name("X-" + "a" * (headers.NAME_MAX - 2))
    block = headers.text_field(name, "é😀")
    laws(block)
    assert parse(block + b"\r\n")[name] == "é😀"


def test_a_long_unsubscribe_url_is_neither_folded_nor_encoded() -> None:
    url = "<https://example.com/u?t=" + "x" * 300 + ">"
    block = headers.token_field("List-Unsubscribe", [url, "<mailto:u@example.com>"])
    assert block == f"List-Unsubscribe: {url},\r\n <mailto:u@example.com>\r\n".encode()


@pytest.mark.parametrize("item", ["<https://example.com/ü>", "<a b>", "<a\nb>", "<" + "x" * 1000])
def test_an_item_that_would_have_to_be_encoded_is_refused(item: str) -> None:
    with pytest.raises(RenderError, match="List-Unsubscribe"):
        headers.token_field("List-Unsubscribe", [item])


def test_a_local_part_in_another_script_is_written_as_utf8() -> None:
    block = headers.mailbox_field("To", "", "用户@example.com")
    assert block == "To: 用户@example.com\r\n".encode()


@pytest.mark.parametrize(
    "address",
    [
        "a@b, c@d.example",
        "a>@b.example",
        "a b@c.example",
        "a@b.example\r\nBcc: x@y.example",
        "a@bücher.example",
        "a\u202eb@c.example",
        "a\u2028b@c.example",
        "=?utf-8?q?a?=@b.example",
        "@b.example",
        "a@",
        '"x y"@b.example',
    ],
)
def test_an_address_that_is_not_exactly_one_is_refused(address: str) -> None:
    with pytest.raises(RenderError, match="To cannot carry the address"):
        headers.mailbox_field("To", "Ada", address)


@pytest.mark.parametrize("name", ["X-é", "X Y", "X:Y", "", "X\r\nY", "{{ x }}", "X" * 51])
def test_a_bad_field_name_is_refused(name: str) -> None:
    with pytest.raises(RenderError, match="is not a header name"):
        headers.field_name(name)


@pytest.mark.parametrize(
    "block",
    [
        b"To: a\r\nBcc: x\r\nSubject: b\r\n",
        b"To: a\r\nSubject: b\r\nBcc: x\r\n",
        b"To: a\r\nSubject: b\nBcc: x\r\n",
        b"To: a\r\nSubject: b\rBcc: x\r\n",
        b"To: a\r\n\r\nSubject: b\r\n",
        b"To: a\r\nSubject: b\r\n\r\n",
        b"To: a\r\nno field\r\nSubject: b\r\n",
        b"To: a\r\nSubject: b",
        b"To: a\r\nSubject: " + b"b" * 1000 + b"\r\n",
        b"To: a\r\r\nSubject: b\r\n",
        b"Subject: b\r\nTo: a\r\n",
        b"",
    ],
)
def test_the_gate_stops_a_block_that_does_not_read_back(block: bytes) -> None:
    with pytest.raises(RenderError, match="does not read back as To, Subject"):
        headers.verify(block, [b"To", b"Subject"])


LINES = re.compile(
    rb"To:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*Subject:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*"
)
PIECES = st.sampled_from([b"To:", b"Subject:", b"x", b"\r\n", b"\r", b"\n", b" ", b"\t", b"\r\n "])


@given(st.lists(PIECES, max_size=8).map(b"".join))
def test_the_gate_opens_for_nothing_but_whole_lines(middle: bytes) -> None:
    block = b"To:" + middle + b"\r\nSubject: b\r\n"
    try:
        headers.verify(block, [b"To", b"Subject"])
    except RenderError:
        assert not LINES.fullmatch(block)
    else:
        assert LINES.fullmatch(block)


def test_the_gate_lets_folded_fields_through() -> None:
    headers.verify(b"To: a\r\n b\r\nSubject:\r\n\tb\r\n", [b"To", b"Subject"])


@given(st.integers(0, 4_000_000_000))
def test_a_date_reads_back_as_the_same_second(at_s: int) -> None:
    read = email.utils.parsedate_to_datetime(headers.date_text(float(at_s)))
    assert read.timestamp() == at_s
