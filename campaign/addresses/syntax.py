"""One address, parsed, mended where that is safe, and brought to the form the envelope carries.

In: text from a cell or from campaign.toml.  Out: `Address`, `NamedAddress`.  Touches: nothing.

What passes here is safe in an SMTP command: dot-atom local part (RFC 5321, 4.1.2; RFC 6531 for
other scripts) and A-label domain, hence no space, no control character, no quote, no `<>`.
Plain ASCII addresses take a short way (under 2 µs); all others are judged by email-validator.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

LOCAL_MAX = 64  # octets, RFC 5321 4.5.3.1.1
ADDRESS_MAX = 254  # octets, RFC 5321 4.5.3.1.3 without the angle brackets (RFC 3696 erratum 1690)
_ASCII_SPACE = " \t\r\n\f\v"

# A subset of what email-validator takes; a test holds the one against the other.
_LOCAL = r"[A-Za-z0-9_+'=-]+(?:\.[A-Za-z0-9_+'=-]+)*"
_PLAIN_LOCAL = re.compile(_LOCAL)
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")
_PLAIN_DOMAIN = re.compile(
    r"(?:(?=[A-Za-z0-9-]{1,63}\.)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+[A-Za-z]{2,63}"
)
# U+FF01..U+FF5E are ASCII typed in a full-width input mode; U+FE6B is a small @.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0xFE6B: 0x40}
# Letters and marks that show nothing, and so are not told apart by category alone.
_BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
# `Ada <ada@example.com>`, `<ada@example.com>`, also with full-width brackets.
_NAMED = re.compile(r"(?P<name>[^<>\uff1c\uff1e]*)[<\uff1c](?P<spec>[^<>\uff1c\uff1e]*)[>\uff1e]")
_AT = re.compile("[@\uff20\ufe6b]")
_BETWEEN = re.compile("[,;/|\\s\u3001\u548c<]")  # what stands between two addresses
_OTHER_DOTS = {0x3002: 0x2E, 0xFF61: 0x2E}  # full stops that IDNA reads as dots (UTS 46, 2.3)
_CONTROL_NAMES = {
    "\0": "NUL", "\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x7f": "DELETE",
}  # fmt: skip


class AddressError(ValueError):
    """Not an address we can write to; one sentence says why, to whoever keeps a list.

    asked: the same to an application that asks for one letter
    """

    def __init__(self, what: str, asked: str = "") -> None:
        super().__init__(what)
        self.asked = asked or what


class Address(NamedTuple):
    """One addr-spec."""

    local: str  # as typed; NFC where it is not ASCII (RFC 6532, 3.1)
    domain: str  # A-label, lower case
    needs_smtputf8: bool  # the local part is not ASCII (RFC 6531)

    @property
    def spec(self) -> str:
        """What stands between the angle brackets of RCPT TO."""
        return f"{self.local}@{self.domain}"

    @property
    def key(self) -> str:
        """Equal for addresses that reach the same person; `+tag` stays distinct."""
        return f"{fold(self.local)}@{self.domain}"


class NamedAddress(NamedTuple):
    """A display name, possibly empty, and its address."""

    name: str
    address: Address


def fold(local: str) -> str:
    """The local part in small letters, in NFC.

    Not `casefold`, which would take straße for strasse: two people.
    """
    if local.isascii():
        return local.lower()
    # Small letters of composed ones may be decomposed: U+0130 becomes two characters.
    lower = unicodedata.normalize("NFC", local).lower()
    return unicodedata.normalize("NFC", lower)


def parse_address(text: str) -> Address:
    """Exactly one address.

    Mended: ASCII white space around it, full-width forms, one dot at the end.
    Raises AddressError for everything else that is not exactly one address: names, comments,
    quotes, lists, groups, IP literals, domains without a dot, characters nobody can see.
    """
    local, domain = _parse_plain(text)
    return Address(local, domain, False) if local else _parse_slowly(text)


def parse_cell(text: str) -> Address:
    """The one address in a cell of a list: also behind `mailto:` and in `Ada <ada@example.com>`.

    Raises AddressError as `parse_address`, and where a cell holds two addresses.
    """
    local, domain = _parse_plain(text)
    if local:
        return Address(local, domain, False)
    stripped = text.strip(_ASCII_SPACE)
    if stripped[:7].lower() == "mailto:":
        stripped = stripped[7:].partition("?")[0]  # RFC 6068: what follows is no address
    found = _NAMED.fullmatch(stripped)
    if found and not _AT.search(found["name"]):
        stripped = found["spec"]
    return _parse_slowly(stripped)


def _parse_plain(text: str) -> tuple[str, str]:
    """Local part and domain as in `Address`, of an address that is plain ASCII and right as it
    stands; two "" of any other text."""
    local, _, domain = text.partition("@")
    if not 0 < len(local) <= LOCAL_MAX or len(text) > ADDRESS_MAX:
        return "", ""
    is_word = local.isalnum() and local.isascii()  # as most are, and told in a fifth of the time
    if not is_word and not _PLAIN_LOCAL.fullmatch(local):
        return "", ""
    host = _plain_host(domain)
    return (local, host) if host else ("", "")


def parse_mailbox(text: str) -> NamedAddress:
    """`Ada Lovelace <ada@example.com>`, `"Lovelace, Ada" <ada@example.com>` or a bare address.

    Raises AddressError.
    """
    stripped = text.strip(_ASCII_SPACE)
    if not stripped.endswith(">"):
        return NamedAddress("", parse_address(stripped))
    name, bracket, spec = stripped[:-1].rpartition("<")
    if not bracket:
        raise AddressError(f"no '<' before the address in {shown(text)}")
    name = name.strip(_ASCII_SPACE)
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    elif '"' in name or "<" in name or ">" in name:
        raise AddressError(f"the name in {shown(text)} needs quotes around the whole of it")
    for char in name:
        if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}:
            raise AddressError(f"the name in {shown(text)} holds {_named(char)}")
    return NamedAddress(name, parse_address(spec))


def shown(text: str) -> str:
    """Text in quotes for a message: at most 60 characters, nothing invisible left as it is."""
    quoted = repr(text if len(text) <= 60 else text[:59] + "…")
    return _BLANKS.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _parse_slowly(text: str) -> Address:
    text = text.strip(_ASCII_SPACE).translate(_FULL_WIDTH)
    if text.endswith((".", "\u3002", "\uff61")) and not text.endswith(".."):
        text = text[:-1]  # the root of DNS, or the end of somebody's sentence
    _refuse_what_is_no_address(text)
    local, _, domain = text.rpartition("@")
    size = len(local.encode())
    if size > LOCAL_MAX:
        raise AddressError(
            f"{size} bytes before the @ in {shown(text)}, at most {LOCAL_MAX} are allowed"
        )
    try:
        if _PLAIN_LOCAL.fullmatch(local):
            normalized, host = local, _host(domain)
        else:
            normalized, host = _validated(local, domain)
    except AddressError as error:
        raise AddressError(f"{error}, in {shown(text)}") from None
    if len(normalized.encode()) + 1 + len(host) > ADDRESS_MAX:
        raise AddressError(f"{shown(text)} is longer than {ADDRESS_MAX} bytes")
    return Address(local if local.isascii() else normalized, host, not normalized.isascii())


def _refuse_what_is_no_address(text: str) -> None:
    """The frequent mistakes, each by its own sentence."""
    if not text:
        raise AddressError("the cell is empty", "there is no address")
    if len(text) > 2 * ADDRESS_MAX:
        raise AddressError(f"{len(text)} characters are too many: {shown(text)}")
    if text.count("@") > 1 and _BETWEEN.search(text):
        several = f"more than one address in {shown(text)}: keep one, or"
        raise AddressError(f"{several} make two rows", f"{several} send a message to each")
    for char in text:
        if _is_invisible(char):
            raise AddressError(f"{_named(char)} in {shown(text)}")
    if "@" not in text:
        raise AddressError(f"no @ in {shown(text)}")
    if text.lower().startswith("mailto:"):
        raise AddressError(f"leave out 'mailto:' in {shown(text)}")
    if "<" in text or ">" in text:
        raise AddressError(f"write the bare address, without name and <>, instead of {shown(text)}")
    if '"' in text:
        raise AddressError(f"quotes are not supported: {shown(text)}")
    if text.count("@") > 1:
        raise AddressError(f"more than one @ in {shown(text)}")
    if " " in text:
        raise AddressError(f"a space in {shown(text)}")
    local, _, domain = text.rpartition("@")
    if "," in domain and _PLAIN_DOMAIN.fullmatch(meant := domain.replace(",", ".")):
        raise AddressError(f"a comma in the domain of {shown(text)}: is {local}@{meant} meant?")
    if "." not in text.rpartition("@")[2].translate(_OTHER_DOTS):
        raise AddressError(f"no dot in the domain of {shown(text)}")
    if text.endswith("]"):
        raise AddressError(f"an IP address instead of a domain in {shown(text)}")


@lru_cache(maxsize=65536)
def _plain_host(domain: str) -> str:
    """Its A-label form; "" where it is not plain ASCII, or wrong."""
    try:
        return _host(domain) if _PLAIN_HOST.fullmatch(domain) else ""
    except AddressError:  # said again by whoever takes the slow way, with the whole address
        return ""


@lru_cache(maxsize=65536)
def _host(domain: str) -> str:
    """The A-label form, lower case.  Raises AddressError."""
    if _PLAIN_DOMAIN.fullmatch(domain):
        return domain.lower()
    return _validated("a", domain.removesuffix("."))[1]


def _validated(local: str, domain: str) -> tuple[str, str]:
    """Local part in NFC and domain as A-label, by email-validator.  Raises AddressError."""
    import email_validator  # 30 ms; plain lists never need it

    # Whether .test, .invalid and .localhost may be written to is for the operator to say, and tests
    # and the sandbox live on these names; email-validator refuses them, so it sees another one.
    stem, _, last = domain.translate(_OTHER_DOTS).rpartition(".")
    special = {name.rpartition(".")[2] for name in email_validator.SPECIAL_USE_DOMAIN_NAMES}
    is_special = last.lower() in special
    try:
        found = email_validator.validate_email(
            f"{local}@{stem}.com" if is_special else f"{local}@{domain}",
            check_deliverability=False,
            allow_smtputf8=True,
            strict=True,
        )
    except email_validator.EmailSyntaxError as error:
        sentence = str(error).rstrip(".")
        raise AddressError(sentence[:1].lower() + sentence[1:]) from None
    host = found.ascii_domain.lower()
    return found.local_part, f"{host.removesuffix('com')}{last.lower()}" if is_special else host


def _is_invisible(char: str) -> bool:
    category = unicodedata.category(char)
    hidden = category[0] == "C" or (category[0] == "Z" and char != " ")
    return hidden or bool(_BLANKS.match(char))


def _named(char: str) -> str:
    name = _CONTROL_NAMES.get(char) or unicodedata.name(char, "a character without a name")
    return f"U+{ord(char):04X} {name}"
