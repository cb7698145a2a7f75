"""The laws of a message on the wire, read off its bytes without any mail library.

In: bytes as they go to the server.  Out: the names of all fields, or AssertionError.
Touches: nothing.
"""

from __future__ import annotations

import re

_ENCODED_WORD = re.compile(rb"=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=")
_NAME = re.compile(rb"[!-9;-~]+(?=:)")  # RFC 5322, 3.6.8


def laws(wire: bytes) -> None:
    """RFC 5322, 2.1.1 and 2.3; RFC 5321, 4.5.2; RFC 2047, 2."""
    assert wire.endswith(b"\r\n")
    assert wire.count(b"\r") == wire.count(b"\n") == wire.count(b"\r\n")
    assert b"\0" not in wire
    for line in wire[:-2].split(b"\r\n"):
        assert len(line) <= 998
        assert not line.startswith(b".") or line.startswith(b"..")


def header_names(wire: bytes) -> list[str]:
    """The fields of the message itself, in order; their lines keep the laws of headers."""
    block, blank, _ = wire.partition(b"\r\n\r\n")
    assert blank
    names = []
    for line in block.split(b"\r\n"):
        assert line.strip(b" \t")
        words = _ENCODED_WORD.findall(line)
        assert all(len(word) <= 75 for word in words)
        assert not words or len(line) <= 76
        if line[:1] in (b" ", b"\t"):
            assert names
            continue
        found = _NAME.match(line)
        assert found
        names.append(found[0].decode())
    return names
