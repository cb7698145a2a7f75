"""recipients.text.encodings: found from the whole file, and a byte that does not fit is named."""

from __future__ import annotations

import io

import pytest

from campaign.errors import DataError
from campaign.recipients.text.encodings import BLOCK, Encoding, decoded, find_encoding
from fakes.prepared.lists import Read

LISTS = {
    "gb18030": ["王小明", "李娜", "张伟", "刘洋", "陈静", "杨帆", "赵磊", "黄丽", "周杰", "徐强"],
    "big5": ["陳大文", "林志玲", "黃曉明", "張學友", "劉德華", "周潤發", "鄧麗君"],
    "cp932": ["佐藤健", "鈴木一郎", "高橋さくら", "田中ヒロシ", "渡辺けん"],
    "euc_jp": ["佐藤健", "鈴木一郎", "高橋さくら", "田中ヒロシ", "渡辺けん"],
    "cp949": ["김민수", "이영희", "박지성", "최유리", "정우성", "강하늘"],
    "cp1252": ["François", "Zoë", "Hélène\u2019s", "Jürgen", "Muñoz", "Søren", "“x” \u2013 €5"],
    "cp1250": ["Łukasz", "Małgorzata", "Wałęsa", "Święta", "Żółw"],
    "cp1254": ["Şükrü", "Ayşe", "Gökçe", "İbrahim", "Doğan", "I\u015f\u0131k"],
    "cp1251": ["Иван", "Мария", "Сергей", "Ольга", "Дмитрий", "Наталья"],
    "koi8_r": ["Иван", "Мария", "Сергей", "Ольга", "Дмитрий", "Наталья"],
    "cp1253": ["Γιώργος", "Μαρία", "Νίκος", "Ελένη"],
    "mac_roman": ["François", "Zoë", "Hélène", "Jürgen", "Muñoz", "Søren"],
}


def written(names: list[str], encoding: str) -> bytes:
    rows = [f"user{at}@example.com,{name},gold\r\n" for at, name in enumerate(names)]
    return "".join(["email,name,plan\r\n", *rows]).encode(encoding)


@pytest.mark.parametrize("encoding", LISTS)
def test_a_list_of_names_tells_its_encoding(encoding: str) -> None:
    raw = written(LISTS[encoding], encoding)
    found = find_encoding(io.BytesIO(raw), "auto", "list.csv")
    assert raw.decode(found.name) == raw.decode(encoding)
    assert found.confidence is not None
    assert 0 < found.confidence < 1


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "cp932", "cp1252"])
def test_more_names_make_surer(encoding: str) -> None:
    names = LISTS[encoding]
    few = find_encoding(io.BytesIO(written(names[:2], encoding)), "auto", "f").confidence
    many = find_encoding(io.BytesIO(written(names * 50, encoding)), "auto", "f").confidence
    assert few is not None
    assert many is not None
    assert few < many


def test_one_accent_in_the_last_line_decides(read: Read) -> None:
    plain = "".join(f"u{at}@example.com,Ada\n" for at in range(20_000))
    assert len(plain) > BLOCK
    for encoding in ("utf-8", "cp1252"):
        reading = read(f"email,name\n{plain}z@example.com,Zoë\n".encode(encoding))
        assert reading.source.encoding == encoding
        assert reading.rows[-1] == ("z@example.com", "Zoë")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-16", "utf-16-be", "big5"])
def test_characters_may_lie_across_two_blocks(encoding: str) -> None:
    for shift in range(4):
        text = "x" * shift + "陳大文,周\n" * (BLOCK // 8)
        raw = text.encode(encoding)
        if encoding == "utf-16-be":
            found = "utf-16-be"
        else:
            found = find_encoding(io.BytesIO(raw), "auto", "f").name
        assert "".join(decoded(io.BytesIO(raw), found, "f")) == text


def test_plain_ascii_is_utf_8_for_sure() -> None:
    assert find_encoding(io.BytesIO(b"email\na@b.com\n"), "auto", "f") == ("utf-8", 1.0)


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_leaves_nothing_to_guess(mark: str) -> None:
    raw = "email,name\na@b.com,Zoë\n".encode(mark)
    found = find_encoding(io.BytesIO(raw), "auto", "f")
    assert found.confidence is None
    assert "".join(decoded(io.BytesIO(raw), found.name, "f")) == "email,name\na@b.com,Zoë\n"


def test_a_byte_that_does_not_fit_is_named_by_line_and_offset(read: Read) -> None:
    good = "email,name\n" + "".join(f"u{at}@example.com,Zoë\n" for at in range(30_000))
    raw = good.encode() + b"x@example.com,Fran\xe7ois\n"
    with pytest.raises(DataError) as caught:
        read(raw)
    assert f"list.csv:30002: byte {len(good.encode()) + 18} (0xE7) is not utf-8" in str(
        caught.value
    )
    assert "encoding = " in caught.value.remedy


def test_a_byte_order_mark_of_gb18030_decides() -> None:
    raw = io.BytesIO("\ufeff姓名,email\n王,a@b.com\n".encode("gb18030"))
    assert find_encoding(raw, "auto", "a.csv") == Encoding("gb18030", None)
    assert "".join(decoded(raw, "gb18030", "a.csv")).startswith("姓名")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16-le", "cp1252", "big5"])
def test_the_offset_is_right_in_every_encoding(encoding: str) -> None:
    bad = b"\x00\xdc" if encoding == "utf-16-le" else b"\x81\xff"
    for fill in (10, BLOCK - 1, BLOCK, BLOCK + 7):
        head = ("ab\n" * fill).encode(encoding)
        with pytest.raises(DataError) as caught:
            list(decoded(io.BytesIO(head + bad + head), encoding, "f"))
        assert f"f:{fill + 1}: byte {len(head)} " in str(caught.value)


@pytest.mark.parametrize("name", ["nonsense", "base64", "rot13"])
def test_a_name_that_is_no_encoding_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="is not an encoding"):
        find_encoding(io.BytesIO(b"email\n"), name, "list.csv")


def test_a_file_without_line_ends_is_looked_at_all_the_same() -> None:
    raw = ("Müller " * BLOCK).encode("cp1252")
    assert find_encoding(io.BytesIO(raw), "auto", "f").name == "cp1252"


def found_in(names: list[str], encoding: str) -> str:
    """The encoding of a list of these names; "" where it is refused."""
    encoded = find_encoding(io.BytesIO(written(names, encoding)), "auto", "f")
    return "" if encoded.is_unsure else encoded.name


@pytest.mark.parametrize(
    "names",
    [["王小明", "José"], ["王小明", "François"], ["Zoë", "李娜", "Müller"], ["李娜"], ["王小明"]],
)
def test_a_few_rows_in_gb18030_are_gb18030_with_accents_too(read: Read, names: list[str]) -> None:
    reading = read(written(names, "gb18030"))
    assert reading.source.encoding == "gb18030"
    assert [row[1] for row in reading.rows] == names


@pytest.mark.parametrize("encoding", LISTS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_names_are_read_right_or_refused(encoding: str, count: int) -> None:
    names = LISTS[encoding]
    for at in range(len(names)):
        some = (names + names)[at : at + count]
        if found := found_in(some, encoding):
            raw = written(some, encoding)
            assert raw.decode(found) == raw.decode(encoding), (some, found)


def test_what_is_utf_8_by_chance_alone_is_asked_about() -> None:
    assert "女士".encode("gb18030").decode() == "\u016e\u02bf"
    assert found_in(["女士"], "gb18030") == ""
    assert found_in(["女士", "王小明", "李娜"], "gb18030") == "gb18030"


@pytest.mark.parametrize(
    "name",
    ["Nguyễn Văn Ánh", "สมชาย", "😀", "Þórr", "आशा", "مرحبا", "גיל", "Ωμέγα", "Ůlo", "\u02bbOkina",
     "Ђорђе", "A\u0301bc", "Həsən", "Գագիկ", "გიორგი", "™", "№5", "王", "김"],
)  # fmt: skip
def test_utf_8_is_sure_in_every_script(name: str) -> None:
    assert find_encoding(io.BytesIO(written([name], "utf-8")), "auto", "f") == ("utf-8", 1.0)


def test_a_list_that_may_be_misread_is_refused_with_its_rows_in_each_reading(read: Read) -> None:
    with pytest.raises(DataError) as caught:
        read(written(["女士", "José"][:1], "gb18030"))
    text = str(caught.value)
    assert text.startswith("list.csv: the encoding cannot be told for sure")
    assert "\n  gb18030    user0@example.com,女士,gold\n" in text
    assert "\n  utf-8      user0@example.com,\u016e\u02bf,gold\n" in text
    assert "encoding = " in caught.value.remedy
    assert caught.value.exit_code == 65
    assert read(None, encoding="gb18030").rows == [("user0@example.com", "女士", "gold")]


def test_a_damaged_byte_in_a_gb18030_list_is_named(read: Read) -> None:
    raw = written(["王小明"] * 50, "gb18030") + b"x@example.com,\xff,gold\r\n"
    with pytest.raises(DataError, match=r"list\.csv:52: byte .* \(0xFF\) is not gb18030"):
        read(raw)
