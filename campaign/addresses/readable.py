"""Internationalised names as people write them: 例子.中国 for xn--fsqu00a.xn--fiqs8s.

In: texts that hold host names.  Out: the same texts.  Touches: nothing.  Fails: never.

A name that only looks like another one stays as the wire has it, and so does what is not valid by
IDNA 2008 (RFC 5891), such as a name of emoji.
"""

from __future__ import annotations

import re

_NAMES = re.compile(r"[a-z0-9.-]*\bxn--[a-z0-9.-]+", re.IGNORECASE | re.ASCII)


def readable(text: str, encoding: str = "utf-8") -> str:
    """Every name in `text` that can be read, and written in the `encoding` of who reads it."""
    if "xn--" not in text.lower():
        return text
    return _NAMES.sub(lambda found: _read(found[0], encoding), text)


def _read(host: str, encoding: str) -> str:
    from campaign.addresses.lookalikes import as_written, deceit_of  # few lists need `idna`

    if deceit_of(host):
        return host
    read = ".".join(as_written(label) for label in host.split("."))
    try:
        read.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return host
    return read
