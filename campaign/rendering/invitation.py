"""Calendar invitations: cells that stay cells, lines that keep the format's laws.

In: iCalendar text.  Out: the same in lines of at most 75 octets, and its method.  Touches: nothing.
"""

from __future__ import annotations

import re

from campaign.errors import RenderError

_LINE = 75  # octets, RFC 5545, 3.1
_METHOD = re.compile(r"^METHOD:([A-Z]+)$", re.MULTILINE | re.IGNORECASE)
_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": ""})


def escaped_calendar(text: str) -> str:
    """A cell as TEXT (RFC 5545, 3.3.11): it cannot begin a line of its own."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_ESCAPED)


def method_of(text: str) -> str:
    """REQUEST, CANCEL and so on, for the Content-Type (RFC 6047, 2.4).  Raises RenderError."""
    found = _METHOD.search(text)
    if not found:
        raise RenderError("the calendar has no METHOD line; an invitation says METHOD:REQUEST")
    return found[1].upper()


def folded(text: str) -> str:
    """Every line in pieces of at most 75 octets, never within a character, blank lines left out."""
    return "".join(f"{_fold(line)}\n" for line in text.split("\n") if line.strip())


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
