"""How commands are written, and what must never be written as one.

In: texts.  Out: lines with CRLF, or CommandError.  Touches: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from campaign.smtp.replies.parsing import printable

COMMAND_OCTETS = 512  # RFC 5321, 4.5.3.1.4, CRLF included
LONG_COMMAND_OCTETS = 998  # MAIL and RCPT with the parameters of extensions
AUTH_OCTETS = 12288  # RFC 4954, 4


class CommandError(ValueError):
    """This text must not be written as a command."""


def command_line(text: str, limit: int = COMMAND_OCTETS, *, utf8: bool = False) -> bytes:
    """The one gate for every command: the line with CRLF, or CommandError.

    Control characters and lone surrogates never pass, whatever a list, a config or a server put
    into the text.
    """
    if not text.isprintable():
        for char in text:
            if char < " " or char == "\x7f" or 0xD800 <= ord(char) <= 0xDFFF:
                raise CommandError(f"control character {char!r} in '{printable(text[:80])}'")
    if not utf8 and not text.isascii():
        raise CommandError(f"'{printable(text[:80])}' is not ASCII")
    line = text.encode() + b"\r\n"
    if len(line) > limit:
        raise CommandError(f"a command of {len(line)} octets; {limit} is the limit")
    return line


@dataclass(frozen=True, slots=True)
class Notifications:
    """Delivery status notifications asked for (RFC 3461); empty: not mentioned."""

    notify: tuple[str, ...] = ()
    ret: str = ""
    envid: str = ""


def xtext(text: str) -> str:
    """RFC 3461, 4: printable ASCII but "+" and "=" as it is, every other octet as +HH."""
    return "".join(
        chr(octet) if 33 <= octet <= 126 and octet not in b"+=" else f"+{octet:02X}"
        for octet in text.encode()
    )


def path_of(address: str) -> str:
    """The address, if it cannot be taken for the end of the path and a parameter after it."""
    if (" " in address or ">" in address or "<" in address) and not address.startswith('"'):
        raise CommandError(f"'{printable(address)}' is not an address")
    return address
