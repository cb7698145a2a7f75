"""Calendar invitations: cells that stay cells, lines that keep the format's laws.

In: iCalendar text in which cells are marked.  Out: the same in lines of at most 75 octets, and its
method.  Touches: nothing.  Fails with RenderError where there is no METHOD.

How a cell is escaped depends on where it stands (RFC 5545, 3.1 to 3.3): in a text by backslashes,
in a parameter by RFC 6868, in a link by percent signs.  That is known only once the line is whole:
so a template marks its cells, and `cells_written` escapes each for its place.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from campaign.errors import RenderError

_LINE = 75  # octets, RFC 5545, 3.1
_METHOD = re.compile(r"^METHOD:([A-Z]+)$", re.MULTILINE | re.IGNORECASE)
# Private characters that stand around a cell, and for a line end in it, until it is written.
_START, _END, _BREAK = "\ue000", "\ue001", "\ue002"
_MARKED = re.compile(f"({_START}[^{_START}{_END}]*{_END})")
_MARKS = str.maketrans("", "", _START + _END + _BREAK)
_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": ""})
_IN_PARAMETER = str.maketrans({"^": "^^", '"': "^'", "\n": "^n"})  # RFC 6868, 3.1
_SEPARATORS = re.compile(r"[:;,]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # RFC 5545, 3.1: CONTROL
# RFC 5545, 3.8, RFC 7986 and RFC 9073: properties whose value is a URI or an address.
_LINKS = frozenset(
    ("ATTENDEE", "ORGANIZER", "URL", "TZURL", "ATTACH", "SOURCE", "IMAGE", "CONFERENCE",
     "CALENDAR-ADDRESS", "STRUCTURED-DATA")
)  # fmt: skip
_LINK_SAFE = ":/?#[]@!$&'()*+,;=%-._~"  # RFC 3986, 2.2 and 2.3
_MAILTO_SAFE = "@!$'*+-._~"  # RFC 6068, 2


def marked_cell(text: str) -> str:
    """A cell that `cells_written` will find; it cannot begin a line of its own."""
    text = text.translate(_MARKS).replace("\r\n", "\n").replace("\r", "\n")
    return f"{_START}{text.replace(chr(10), _BREAK)}{_END}"


def cells_written(event: str) -> str:
    """The text with every marked cell escaped for the place where it stands."""
    place = _Place()
    lines = []
    for line in event.split("\n"):
        if not line.startswith((" ", "\t")):  # else it goes on with the line before
            place = _Place()
        literal, *rest = _MARKED.split(line)  # by turns what the template says, and a cell
        written = [place.literal(literal)]
        for cell, literal in zip(rest[::2], rest[1::2], strict=True):
            written += [place.cell(cell, literal[:1]), place.literal(literal)]
        lines.append("".join(written))
    return "\n".join(lines)


def method_of(text: str) -> str:
    """REQUEST, CANCEL and so on, for the Content-Type (RFC 6047, 2.4).  Raises RenderError."""
    found = _METHOD.search(text)
    if not found:
        raise RenderError("the calendar has no METHOD line; an invitation says METHOD:REQUEST")
    return found[1].upper()


def folded(text: str) -> str:
    """Every line in pieces of at most 75 octets, never within a character, blank lines left out."""
    return "".join(f"{_fold(line)}\n" for line in text.split("\n") if line.strip())


def escaped_calendar(text: str) -> str:
    """A cell as TEXT (RFC 5545, 3.3.11)."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_ESCAPED)


class _Place:
    """Where in a content line the next character stands: `NAME;PARAMETER="...":VALUE`."""

    def __init__(self) -> None:
        self._written = ""  # up to the value
        self._in_value = False
        self._in_quotes = False

    def literal(self, text: str) -> str:
        """What the template says itself; it stays as it is."""
        for at, char in enumerate(text):
            if self._in_value:
                self._written += text[at:]
                break
            if char == '"':
                self._in_quotes = not self._in_quotes
            self._in_value = char == ":" and not self._in_quotes
            self._written += char
        return text

    def cell(self, marked: str, following: str) -> str:
        """A cell as it is written here; `following` is the template's next character."""
        cell = _CONTROLS.sub("", marked[1:-1].replace(_BREAK, "\n"))
        if not self._in_value:
            return self._in_parameter(cell, following)
        if self._name not in _LINKS:
            return escaped_calendar(cell)
        is_address = self._written.lower().endswith("mailto:")
        return quote(cell.replace("\n", ""), safe=_MAILTO_SAFE if is_address else _LINK_SAFE)

    def _in_parameter(self, cell: str, following: str) -> str:
        cell = cell.translate(_IN_PARAMETER)
        if self._in_quotes or not _SEPARATORS.search(cell):
            return cell
        if self._written.endswith(("=", ",")) and following in (";", ":", ","):
            return f'"{cell}"'
        return _SEPARATORS.sub(" ", cell)

    @property
    def _name(self) -> str:
        return re.split("[;:]", self._written, maxsplit=1)[0].strip().upper()


def _fold(line: str) -> str:
    if len(line) <= _LINE // 4:
        return line
    pieces, size = [""], 0
    for char in line:
        width = len(char.encode())
        if size + width > _LINE:
            pieces.append("")
            size = 1  # the blank that a continued line begins with
        pieces[-1] += char
        size += width
    return "\n ".join(pieces)
