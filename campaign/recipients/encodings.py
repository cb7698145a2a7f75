"""How the bytes of a list are to be read as text.

In: an open file.  Out: `Encoding`, then text in blocks.  Touches: the file, twice through.

The whole file is looked at, not only its beginning: one accented name in the last of a million
lines decides between UTF-8 and cp1252.  charset-normalizer is made for prose and errs on lists of
names, so the encodings most lists come in are told apart by how common their characters are in
names; everything else is its to say.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

from campaign.errors import DataError

BLOCK = 262_144  # bytes
_EVIDENCE = 65_536  # bytes of lines that are not ASCII; more does not change the verdict
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NOT_ASCII = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*")
# Four bytes a character: how GB18030 writes accents and other scripts, and nobody else does.
_GB18030_ONLY = re.compile(rb"[\x81-\xfe][0-9][\x81-\xfe][0-9]")
_WORD = re.compile(r"[A-Za-z\x80-\U0010ffff]+")
# What charset-normalizer may choose from, once the frequent ones are out of the question.
_OTHERS = [
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r",
]  # fmt: skip
_WESTERN = frozenset(
    "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿßœšžÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞŒŠŽ€\u2018\u2019“”\u2013—…"
)
_TURKISH = frozenset("çğıöşüâîûÇĞİÖŞÜ")
_CENTRAL = frozenset(
    "áâăäąćçčďđéęëěíîłĺľńňóôőöŕřśšşťţúůűüýźžżßÁÂĂÄĄĆÇČĎĐÉĘËĚÍÎŁĹĽŃŇÓÔŐÖŔŘŚŠŞŤŢÚŮŰÜÝŹŽŻ"
)
# Measured on lists of names: of the characters in the right reading at least 0.9 are common; a
# wrong reading may reach that by chance with a few names, so the largest share decides.
_SURE_ENOUGH = 0.85
_LIKELY, _MANY = 0.65, 20


class Encoding(NamedTuple):
    """What was decided, and how sure it is (0..1; None where nothing had to be guessed)."""

    name: str
    confidence: float | None


def find_encoding(content: IO[bytes], setting: str, file: str) -> Encoding:
    """The encoding of a file, from its start to its end; `content` is left at an unknown place.

    `setting` is "auto" or the name of a codec.  Raises DataError for a name nobody knows.
    """
    if setting != "auto":
        try:
            " ".encode(setting)  # knows text codecs from others, such as base64
            return Encoding(codecs.lookup(setting).name, None)
        except LookupError:
            raise DataError(
                f"'{setting}' is not an encoding",
                file=file,
                remedy='write encoding = "auto", "utf-8", "gb18030", "cp1252", ... in [recipients]',
            ) from None
    content.seek(0)
    start = content.read(BLOCK)
    for bom, name in _BOMS:
        if start.startswith(bom):
            return Encoding(name, None)
    if wide := _wide(start):
        return wide
    evidence = _evidence(content, start)
    return Encoding("utf-8", 1.0) if evidence is None else _guess(evidence)


def decoded(content: IO[bytes], encoding: str, file: str) -> Iterator[str]:
    """The text in blocks, without a byte order mark.

    Raises DataError with line and byte offset where the bytes are none of that encoding.
    """
    content.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line, is_first = 0, 1, True
    while True:
        block = content.read(BLOCK)
        held = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding, errors="ignore")
            byte = error.object[error.start]
            raise DataError(
                f"byte {offset - held + error.start} (0x{byte:02X}) is not {encoding}",
                file=file,
                line=line + before.count("\n"),
                remedy="save the file in one encoding, or name the right one:"
                ' encoding = "..." in [recipients]',
            ) from None
        offset += len(block)
        line += text.count("\n")
        if text:
            yield text.removeprefix("\ufeff") if is_first else text
            is_first = False
        if not block:
            return


def _wide(start: bytes) -> Encoding | None:
    """UTF-16 without a mark: the other byte of every ASCII character is NUL."""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    many, few, name = (even, odd, "utf-16-be") if even > odd else (odd, even, "utf-16-le")
    pairs = len(start) // 2
    if pairs and many / pairs > 0.3 and few / pairs < 0.01:
        return Encoding(name, round(1 - few / many, 2))
    return None


def _evidence(content: IO[bytes], block: bytes) -> bytes | None:
    """Lines that are not ASCII, from anywhere in the file; None if all of it is UTF-8."""
    utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
    evidence = bytearray()
    tail = b""
    while block:
        if len(evidence) < _EVIDENCE:
            # Whole lines only: half a character at either end would spoil every verdict.
            text = tail + block
            cut = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1 or len(text)
            tail = text[cut:]
            _gather(evidence, text[:cut])
        if utf8 and not _goes_on(utf8, block):
            utf8 = None
        if utf8 is None and len(evidence) >= _EVIDENCE:
            return bytes(evidence)
        block = content.read(BLOCK)
    _gather(evidence, tail)
    return None if utf8 and _goes_on(utf8, b"", final=True) else bytes(evidence)


def _gather(evidence: bytearray, text: bytes) -> None:
    if text.isascii():
        return
    for found in _NOT_ASCII.finditer(text):
        evidence += found[0] + b"\n"
        if len(evidence) >= _EVIDENCE:
            return


def _goes_on(decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> bool:
    if block.isascii() and not final and not decoder.getstate()[0]:
        return True
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _guess(evidence: bytes) -> Encoding:
    """The likeliest of the encodings that are not UTF-8."""
    mixed = evidence.decode("utf-8", errors="surrogateescape")
    bad = sum("\udc80" <= char <= "\udcff" for char in mixed)
    if sum(char > "\x7f" for char in mixed) - bad >= bad:
        return Encoding("utf-8", 1.0)  # with some damage, which `decoded` will name
    if _GB18030_ONLY.search(evidence) and _strictly(evidence, "gb18030") is not None:
        return Encoding("gb18030", 0.99)
    scores = [
        _score(evidence, "gb18030", _is_common_chinese),
        _score(evidence, "big5", _is_common_traditional),
        _score(evidence, "cp932", _is_common_japanese),
        _score(evidence, "cp949", _is_hangul),
        _score(evidence, "euc_jp", _is_common_japanese),
    ]
    # Hangul in cp949 lies where the first half of GB 2312 lies: only many prove it.
    if scores[3].share == 1.0 and scores[3].chars >= 8:
        scores[0] = _Score("gb18030", 0.0, 0)
    best = max(scores, key=lambda score: score.share)
    if best.share >= _SURE_ENOUGH:
        return best.encoding
    for score in _latin(evidence):
        if score.share >= _SURE_ENOUGH:
            return score.encoding
    if best.share >= _LIKELY and best.chars >= _MANY:
        return best.encoding
    return _normalized(evidence)


class _Score(NamedTuple):
    name: str
    share: float  # of the characters beyond ASCII, how many are common
    chars: int  # how many there are

    @property
    def encoding(self) -> Encoding:
        """Sure by Laplace's rule of succession: one name proves less than a thousand."""
        return Encoding(self.name, round((self.share * self.chars + 1) / (self.chars + 2), 2))


def _score(evidence: bytes, name: str, is_common: Callable[[str], bool]) -> _Score:
    text = _strictly(evidence, name)
    beyond = [char for char in text or "" if char > "\x7f"]
    if not beyond:
        return _Score(name, 0.0, 0)
    return _Score(name, sum(map(is_common, beyond)) / len(beyond), len(beyond))


def _latin(evidence: bytes) -> Iterator[_Score]:
    """How well each Latin code page fits, the likeliest first."""
    name = "cp1252" if _strictly(evidence, "cp1252") is not None else "latin-1"
    turkish = _alphabet(evidence, "cp1254", _TURKISH)
    # cp1254 is cp1252 but for six letters; with an Icelandic reading there are others among them.
    if turkish.share == 1.0 and any(byte in b"\xd0\xdd\xde\xf0\xfd\xfe" for byte in evidence):
        yield turkish
    yield _alphabet(evidence, name, _WESTERN)
    yield _alphabet(evidence, "cp1250", _CENTRAL)
    yield _alphabet(evidence, "mac_roman", _WESTERN)


def _alphabet(evidence: bytes, name: str, letters: frozenset[str]) -> _Score:
    """Accented letters stand in words with plain ones; words without any are another script."""
    text = _strictly(evidence, name)
    chars = common = 0
    for word in _WORD.findall(text or ""):
        beyond = [char for char in word if char > "\x7f"]
        chars += len(beyond)
        if (len(beyond) < len(word) or len(word) == 1) and letters.issuperset(beyond):
            common += len(beyond)
    return _Score(name, common / max(1, chars), chars)


def _normalized(evidence: bytes) -> Encoding:
    from charset_normalizer import from_bytes

    best = from_bytes(evidence, cp_isolation=_OTHERS).best()
    if best is None:
        return Encoding("cp1252" if _strictly(evidence, "cp1252") is not None else "latin-1", 0.0)
    return Encoding(best.encoding, round((1 - best.chaos) * max(0.5, best.coherence), 2))


def _strictly(evidence: bytes, name: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(name)().decode(evidence)
    except UnicodeDecodeError:
        return None


def _lead(char: str, codec: str) -> int:
    """The first byte of a two-byte character; 0 where the codec has none."""
    try:
        raw = char.encode(codec)
    except UnicodeEncodeError:
        return 0
    return raw[0] if len(raw) == 2 else 0


def _is_wide_sign(char: str) -> bool:
    return (
        "\u3000" <= char <= "\u3020" or "\uff01" <= char <= "\uff5e" or char in "·—…“”\u2018\u2019"
    )


def _is_common_chinese(char: str) -> bool:
    # GB 2312 level 1; gb18030 is written with traditional characters too.
    return 0xB0 <= _lead(char, "gb2312") <= 0xD7 or _is_common_traditional(char)


def _is_common_traditional(char: str) -> bool:
    return 0xA4 <= _lead(char, "big5") <= 0xC6 or _is_wide_sign(char)  # Big5 level 1


def _is_common_japanese(char: str) -> bool:
    kana = "\u3041" <= char <= "\u30ff"
    return kana or 0x88 <= _lead(char, "shift_jis") <= 0x97 or _is_wide_sign(char)  # JIS level 1


def _is_hangul(char: str) -> bool:
    return 0xB0 <= _lead(char, "euc_kr") <= 0xC8 or _is_wide_sign(char)
