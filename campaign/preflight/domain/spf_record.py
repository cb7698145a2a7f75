"""An SPF record taken apart (RFC 7208, 4.6, 5, 6 and 12).

In: the text of a record.  Out: `SpfRecord`.  Touches: nothing.

Fails with SpfSyntaxError, one clause: a single bad term makes the whole record a "permerror".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Network, IPv6Network

VERSION = "v=spf1"
_MODIFIER = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_.-]*)=(?P<value>.*)", re.DOTALL)
_MECHANISM = re.compile(r"(?P<sign>[-+?~]?)(?P<name>[A-Za-z0-9]+)(?P<rest>.*)", re.DOTALL)
_PREFIXES = re.compile(r"(?P<spec>.*?)(?:/(?P<four>[0-9]+))?(?://(?P<six>[0-9]+))?", re.DOTALL)
_MACRO = re.compile(r"%(?:[%_-]|\{(?P<letter>[A-Za-z])(?P<digits>[0-9]*)[rR]?[.+,/_=-]*\})")
_LITERALS = re.compile(r"[\x21-\x24\x26-\x7e]*")
# The end of a domain: a last label that is no number, or a macro.
_DOMAIN_END = re.compile(
    r".*(?:\.(?![0-9]+\.?$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?"
    r"|%(?:[%_-]|\{[A-Za-z][0-9]*[rR]?[.+,/_=-]*\}))",
    re.DOTALL,
)
_MACRO_LETTERS = frozenset("slodiphv")
_EXPLAINING_LETTERS = _MACRO_LETTERS | frozenset("crt")  # section 7.2: only for exp=
_ASKING = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})


class SpfSyntaxError(ValueError):
    """One clause says what is wrong, with the term."""


@dataclass(frozen=True, slots=True)
class Term:
    """A mechanism, or the modifier redirect=."""

    text: str  # as it stands in the record
    name: str  # lower case
    sign: str = "+"
    domain: str = ""  # macros not yet expanded; "" is the domain of the record
    prefix4: int = 32
    prefix6: int = 128
    network: IPv4Network | IPv6Network | None = None  # of ip4 and ip6

    @property
    def asks_dns(self) -> bool:
        """Whether it counts towards the ten terms of section 4.6.4."""
        return self.name in _ASKING


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """What a record says."""

    mechanisms: tuple[Term, ...]
    redirect: Term | None

    @property
    def all(self) -> Term | None:
        """The mechanism behind which nothing is looked at."""
        return next((term for term in self.mechanisms if term.name == "all"), None)


def is_spf(text: str) -> bool:
    """Whether a TXT record is meant as SPF (section 4.5)."""
    return text.lower() == VERSION or text.lower().startswith(f"{VERSION} ")


def read_spf(text: str) -> SpfRecord:
    """A record that `is_spf`."""
    if not text.isascii():
        raise SpfSyntaxError("the record has characters that are not ASCII")
    mechanisms: list[Term] = []
    redirect: Term | None = None
    seen: set[str] = set()
    for word in filter(None, text[len(VERSION) :].split(" ")):
        found = _MODIFIER.fullmatch(word)
        if found is None:
            mechanisms.append(_mechanism(word))
            continue
        name, value = found["name"].lower(), found["value"]
        if name in ("redirect", "exp"):
            if name in seen:
                raise SpfSyntaxError(f"{name}= stands in it twice")
            seen.add(name)
            _check_domain(value, word)
            if name == "redirect":
                redirect = Term(word, name, domain=value)
        else:
            _check_macros(value, word, _EXPLAINING_LETTERS)
    return SpfRecord(tuple(mechanisms), redirect)


def _mechanism(word: str) -> Term:
    found = _MECHANISM.fullmatch(word)
    if found is None:
        raise SpfSyntaxError(f"'{word}' is not a term")
    name, rest, sign = found["name"].lower(), found["rest"], found["sign"] or "+"
    if name == "all":
        if rest:
            raise SpfSyntaxError(f"'{word}' has something behind all")
        return Term(word, name, sign)
    if name in ("ip4", "ip6"):
        return Term(word, name, sign, network=_network(name, rest, word))
    if name in ("include", "exists"):
        if not rest.startswith(":"):
            raise SpfSyntaxError(f"'{word}' names no domain")
        _check_domain(rest[1:], word)
        return Term(word, name, sign, rest[1:])
    if name == "ptr":
        return Term(word, name, sign, _optional_domain(rest, word))
    if name in ("a", "mx"):
        parts = _PREFIXES.fullmatch(rest)
        assert parts is not None, "everything in it is optional"
        return Term(
            word,
            name,
            sign,
            _optional_domain(parts["spec"], word),
            _prefix(parts["four"], 32, word),
            _prefix(parts["six"], 128, word),
        )
    raise SpfSyntaxError(f"'{word}' is not a mechanism")


def _optional_domain(spec: str, word: str) -> str:
    if not spec:
        return ""
    if not spec.startswith(":"):
        raise SpfSyntaxError(f"'{word}' is not a term")
    _check_domain(spec[1:], word)
    return spec[1:]


def _prefix(digits: str | None, most: int, word: str) -> int:
    if digits is None:
        return most
    if (digits.startswith("0") and digits != "0") or len(digits) > 3 or int(digits) > most:
        raise SpfSyntaxError(f"'{word}' has a prefix length that is not one of 0 to {most}")
    return int(digits)


def _network(name: str, rest: str, word: str) -> IPv4Network | IPv6Network:
    address, slash, digits = rest.removeprefix(":").partition("/")
    kind, most = (IPv4Network, 32) if name == "ip4" else (IPv6Network, 128)
    prefix = _prefix(digits if slash else None, most, word) if digits.isdigit() or not slash else -1
    try:
        if prefix < 0 or not rest.startswith(":") or "%" in address:
            raise AddressValueError
        return kind(f"{address}/{prefix}", strict=False)
    except ValueError:
        raise SpfSyntaxError(f"'{word}' has no {name[:2].upper()}v{name[2]} address") from None


def _check_domain(spec: str, word: str) -> None:
    _check_macros(spec, word, _MACRO_LETTERS)
    if not _DOMAIN_END.fullmatch(spec):
        raise SpfSyntaxError(f"'{word}' does not end in a domain")


def _check_macros(text: str, word: str, letters: frozenset[str]) -> None:
    at = 0
    while at < len(text):
        if text[at] != "%":
            literal = _LITERALS.match(text, at)
            if literal is None or literal.end() == at:
                raise SpfSyntaxError(f"'{word}' has a character that may not stand there")
            at = literal.end()
            continue
        macro = _MACRO.match(text, at)
        if macro is None:
            raise SpfSyntaxError(f"'{word}' has a % that begins no macro")
        if macro["letter"] and macro["letter"].lower() not in letters:
            raise SpfSyntaxError(f"'{word}' has the unknown macro letter {macro['letter']}")
        if macro["digits"] and not int(macro["digits"]):
            raise SpfSyntaxError(f"'{word}' has a macro that keeps 0 parts")
        at = macro.end()


def expand(spec: str, values: dict[str, str]) -> str:
    """Macros replaced (section 7); a name too long loses labels at its left (7.3)."""

    def value_of(found: re.Match[str]) -> str:
        whole, letter = found[0], found["letter"]
        if not letter:
            return {"%%": "%", "%_": " ", "%-": "%20"}[whole]
        body = whole[2:-1]
        tail = body[1:].lstrip("0123456789")
        parts = re.split(f"[{re.escape(tail.lstrip('rR') or '.')}]", values[letter.lower()])
        if tail[:1] in ("r", "R"):
            parts.reverse()
        if found["digits"]:
            parts = parts[-int(found["digits"]) :]
        joined = ".".join(parts)
        return _quoted(joined) if letter.isupper() else joined

    name = _MACRO.sub(value_of, spec)
    while len(name.rstrip(".")) > 253 and "." in name:
        name = name.partition(".")[2]
    return name


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="-._~")
