"""What of a finished message stays the same when an application writes it out again.

In: a message.  Out: bytes to compare, which are no message.  Touches: nothing.

Mail libraries make some things anew whenever a message is written out for a server: the boundaries
between its parts (Python's smtplib), its Date, a signature with the time in it.
"""

from __future__ import annotations

import re

from campaign.rendering.finished import LINE_END

_MADE_ANEW = re.compile(rb"\n(?:Date|DKIM-Signature)[ \t]*:.*(?:\n[ \t].*)*", re.IGNORECASE)
_BOUNDARY = re.compile(rb"""boundary=("[^"\n]{1,70}"|[^\s;"]{1,70})""", re.IGNORECASE)


def lasting(message: bytes) -> bytes:
    """All but Date, DKIM signatures, and boundaries, for which their numbers stand."""
    header, gap, body = LINE_END.sub(b"\n", message).partition(b"\n\n")
    kept = _MADE_ANEW.sub(b"", b"\n" + header) + gap + body
    for number, named in enumerate(dict.fromkeys(_BOUNDARY.findall(kept))):
        delimiter = b"\n--" + named.strip(b'"')
        if delimiter in kept:  # else it is a word of the text
            kept = kept.replace(delimiter, b"\n--%d" % number)
            kept = kept.replace(b"=" + named, b"=%d" % number)
    return kept
