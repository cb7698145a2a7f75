"""The ZIP package of a workbook, looked at before anybody unpacks it.

In: an open file that begins like a ZIP archive.  Out: nothing, or the formulas that nobody has
calculated.  Touches: nothing else.  Raises DataError for what is not a workbook, and for one that
unpacks to more than a list can be; memory stays flat.

Sizes in the directory of a ZIP archive can be believed here: zipfile reads no more than they say.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import IO
from xml.parsers import expat

from campaign.errors import DataError
from campaign.units import show_size

_WORKBOOK = "xl/workbook.xml"
_STRICT = b"http://purl.oclc.org/ooxml/spreadsheetml/main"  # ISO 29500-1
# A part of a package that holds what only that kind of file has -> what to call it, what to do.
_OTHERS = (
    ("xl/workbook.bin", "a binary workbook (.xlsb)", "save it as .xlsx, or as CSV"),
    ("content.xml", "an OpenDocument file", "save it as .xlsx, or as CSV"),
    ("word/document.xml", "a Word document", "save its table as CSV"),
    ("ppt/presentation.xml", "a presentation", "name the list"),
    ("Index/Document.iwa", "a document of Apple Numbers", "export it as .xlsx, or as CSV"),
    ("EncryptedPackage", "a workbook with a password", "save it without a password, or as CSV"),
)
# A full sheet of 1,048,576 rows unpacks to one or two GB; texts are kept in memory, some 8 bytes
# for one.  Repetitive sheets shrink to a fortieth (measured on openpyxl's and LibreOffice's).
_SHEET_MAX, _TEXTS_MAX = 4_000_000_000, 400_000_000
_RATIO_MAX, _RATIO_FROM = 150, 20_000_000
_ROW_MAX = 64_000_000  # bytes of XML; 16,384 cells of 4 KB
_PIECE = 262_144


def check_package(content: IO[bytes], file: str) -> None:
    """Raises DataError where this is not a workbook that can be a list."""
    content.seek(0)
    try:
        with zipfile.ZipFile(content) as package:
            _check_kind(package, file)
            for part in package.infolist():
                _check_size(part, file)
                if part.filename.endswith((".xml", ".rels")):
                    _check_start(package, part, file)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
            OSError, ValueError) as error:  # fmt: skip
        raise damaged(str(error), file) from error
    content.seek(0)


def damaged(what: str, file: str) -> DataError:
    """What to tell of a workbook that cannot be read."""
    return DataError(
        f"this is not a workbook that can be read: {what}",
        file=file,
        remedy="open it in Excel and save it as .xlsx again, or as CSV",
    )


def uncalculated(content: IO[bytes], sheet: str, file: str) -> dict[int, str]:
    """Row -> the first cell in it whose formula has no value; empty where all have one.

    Programs that write workbooks without calculating leave them so: nobody knows what the cell
    shows.  Raises DataError for a row that is larger than any list has.
    """
    content.seek(0)
    with zipfile.ZipFile(content) as package:
        if not _has_formulas(package, sheet, file):
            return {}
        look = _Look()
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = look.start
        parser.EndElementHandler = look.end
        parser.CharacterDataHandler = look.text
        with package.open(sheet) as stream:
            while piece := stream.read(_PIECE):
                parser.Parse(piece)
        parser.Parse(b"", True)
    return look.found


class _Look:
    """One cell after the other; the number of a row or cell may be left out in the file."""

    def __init__(self) -> None:
        self.found: dict[int, str] = {}
        self._row = 0
        self._place = ""
        self._has_formula = self._has_value = self._is_value = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(" ")[2]:
            case "row":
                number = attributes.get("r", "")
                self._row = int(number) if number.isdecimal() else self._row + 1
            case "c":
                self._place = attributes.get("r", f"of row {self._row}")
                self._has_formula = False
                self._has_value = attributes.get("t") in ("str", "inlineStr")  # may be empty
            case "f":
                self._has_formula = True
            case "v":
                self._is_value = True

    def text(self, _: str) -> None:
        self._has_value |= self._is_value

    def end(self, name: str) -> None:
        match name.rpartition(" ")[2]:
            case "v":
                self._is_value = False
            case "c":
                if self._has_formula and not self._has_value:
                    self.found.setdefault(self._row, self._place)


def _has_formulas(package: zipfile.ZipFile, sheet: str, file: str) -> bool:
    """Whether any cell has one; also measures the rows, which are taken one by one."""
    found, last, at, tail = False, 0, 0, b""
    with package.open(sheet) as stream:
        while piece := stream.read(_PIECE):
            text = tail + piece
            found = found or re.search(rb"<(?:\w+:)?f[ />]", text) is not None
            end = text.rfind(b"row>")
            if end >= 0:
                last = at - len(tail) + end
            at += len(piece)
            tail = text[-64:]
            if at - last > _ROW_MAX:
                raise DataError(
                    f"a row of the sheet has more than {show_size(_ROW_MAX)}",
                    file=file,
                    remedy="this is not a list of people: look where the workbook comes from",
                )
    return found


def _check_kind(package: zipfile.ZipFile, file: str) -> None:
    names = set(package.namelist())
    if _WORKBOOK in names or not names:
        return
    for part, what, remedy in _OTHERS:
        if part in names:
            raise DataError(f"this is {what}, not an Excel workbook", file=file, remedy=remedy)
    if not any(name.startswith(("xl/", "[Content_Types]", "_rels/")) for name in names):
        raise DataError(
            f"this is a ZIP archive of {len(names)} files, not an Excel workbook",
            file=file,
            remedy="unpack it and name the list in it",
        )


def _check_size(part: zipfile.ZipInfo, file: str) -> None:
    is_text = part.filename.endswith("sharedStrings.xml")
    most = _TEXTS_MAX if is_text else _SHEET_MAX
    ratio = part.file_size / max(1, part.compress_size)
    if part.file_size > most or (part.file_size > _RATIO_FROM and ratio > _RATIO_MAX):
        raise DataError(
            f"{part.filename} in it unpacks from {show_size(part.compress_size)} to"
            f" {show_size(part.file_size)}, which no list needs",
            file=file,
            remedy="delete empty rows and columns beyond the list and save it again, or as CSV",
        )


def _check_start(package: zipfile.ZipFile, part: zipfile.ZipInfo, file: str) -> None:
    with package.open(part) as stream:
        start = stream.read(4096)
    if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
        raise damaged(f"{part.filename} declares a document type, which workbooks never do", file)
    if part.filename == _WORKBOOK and _STRICT in start:
        raise DataError(
            "this workbook was saved as Strict Open XML",
            file=file,
            remedy='save it as "Excel Workbook (.xlsx)", or as CSV',
        )
