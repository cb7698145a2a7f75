"""How the bytes of a list are to be read as text.

In: an open file.  Out: `Encoding`, then text in blocks.  Touches: the file, twice through.

The whole file is looked at, not only its beginning: one accented name in the last of a million
lines decides between UTF-8 and cp1252.  charset-normalizer is made for prose and errs on lists of
names, so the encodings most lists come in are told apart by `likelihood`; everything else is its to
say.  What is less than 80 % sure is refused: a name that is misread would be sent.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import IO, NamedTuple

from campaign.errors import DataError
from campaign.recipients.text.likelihood import readings

BLOCK = 262_144  # bytes
_EVIDENCE = 65_536  # bytes of lines that are not ASCII; more does not change the verdict
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    ("\ufeff".encode("gb18030"), "gb18030"),
)
_NOT_ASCII = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*")
_BY_CHANCE, _UNLIKELY = 1024, 0.25  # bytes; share of all readings
_EXPECTED = 0.6  # of the characters, where the reading makes sense at all
SURE_ENOUGH = 0.8  # below it a person decides
_SHOWN_ROWS, _SHOWN_READINGS, _SHOWN_CHARS = 3, 4, 60


class Encoding(NamedTuple):
    """What was decided, and how sure it is (0..1; None where nothing had to be guessed)."""

    name: str
    confidence: float | None

    @property
    def is_unsure(self) -> bool:
        """A person should decide."""
        return self.confidence is not None and self.confidence < SURE_ENOUGH


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
    evidence, is_utf8 = _evidence(content, start)
    return _guess_utf8(evidence) if is_utf8 else _guess(evidence)


def ask_for_encoding(content: IO[bytes], found: Encoding, file: str) -> DataError:
    """What to tell where the encoding is not sure: some rows as each candidate would read them."""
    content.seek(0)
    evidence, is_utf8 = _evidence(content, content.read(BLOCK))
    names = [found.name, *(each.encoding for each in readings(evidence, or_utf8=is_utf8))]
    rows = evidence.split(b"\n")[:_SHOWN_ROWS]
    shown: dict[tuple[str, ...], str] = {}
    for name in names:
        texts = (row.decode(name, errors="replace").strip() for row in rows if row.strip())
        shown.setdefault(tuple(text[:_SHOWN_CHARS] for text in texts), name)
    listed = "".join(
        f"\n  {name:10} {'  |  '.join(texts)}" for texts, name in [*shown.items()][:_SHOWN_READINGS]
    )
    return DataError(
        "the encoding cannot be told for sure; it may be one of these, with the rows as each"
        f" would read them:{listed}\n",
        file=file,
        remedy=f'write the right one, for example encoding = "{found.name}", in [recipients],'
        " or save the file as UTF-8",
    )


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


def _evidence(content: IO[bytes], block: bytes) -> tuple[bytes, bool]:
    """Lines that are not ASCII, from anywhere in the file; whether all of it is UTF-8."""
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
            return bytes(evidence), False
        block = content.read(BLOCK)
    _gather(evidence, tail)
    return bytes(evidence), bool(utf8 and _goes_on(utf8, b"", final=True))


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


def _guess_utf8(evidence: bytes) -> Encoding:
    """UTF-8, but where it is by chance: 女士 in GB18030 are bytes that UTF-8 has too."""
    if 0 < len(evidence) <= _BY_CHANCE:
        best, *others = readings(evidence, or_utf8=True)
        share = next((each.share for each in others if each.encoding == "utf-8"), 1.0)
        if best.encoding != "utf-8" and share < _UNLIKELY:
            return Encoding("utf-8", round(share, 2))
    return Encoding("utf-8", 1.0)


def _guess(evidence: bytes) -> Encoding:
    """The likeliest of the encodings that are not UTF-8."""
    mixed = evidence.decode("utf-8", errors="surrogateescape")
    bad = sum("\udc80" <= char <= "\udcff" for char in mixed)
    is_damaged = sum(char > "\x7f" for char in mixed) - bad >= bad
    if is_damaged and (
        len(evidence) > _BY_CHANCE or readings(evidence, or_utf8=True)[0].encoding == "utf-8"
    ):
        return Encoding("utf-8", 1.0)  # `decoded` will name the damage
    best = readings(evidence)[0]
    if best.common >= _EXPECTED:
        return Encoding(best.encoding, best.confidence)
    return _normalized(evidence)


def _normalized(evidence: bytes) -> Encoding:
    """What charset-normalizer makes of text in an encoding that `likelihood` does not know."""
    from charset_normalizer import from_bytes

    best = from_bytes(evidence).best()
    if best is None:
        return Encoding(readings(evidence)[0].encoding, 0.0)
    return Encoding(best.encoding, round((1 - best.chaos) * max(0.5, best.coherence), 2))
