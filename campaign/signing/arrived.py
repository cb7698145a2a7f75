"""Whether our signatures are whole on a letter that has arrived, and what was changed on its way.

In: a letter as it was sent and as it arrived, our keys.  Out: `ArrivedSignatures`.
Touches: nothing.

Our own keys judge, not the DNS: what the DNS shows is another question.  Signatures of others are
named and not judged.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Sequence
from typing import NamedTuple

from campaign.signing.keys import SigningKey
from campaign.signing.relaxed import fields_of, relaxed_body, relaxed_field, relaxed_value

_FIELD = "dkim-signature"
_NO_SIGNATURE = re.compile(rb"(^|;)(\s*b\s*=)[^;]*")
_SPACE = re.compile(rb"\s+")
_SHOWN = 60


class OurKey(NamedTuple):
    """One [[dkim]] entry; the domain is written in A-labels."""

    domain: str
    selector: str
    key: SigningKey


class ArrivedSignatures(NamedTuple):
    """What became of the signatures."""

    whole: tuple[str, ...]  # of ours: "example.com (s1)"
    broken: tuple[str, ...]
    missing: tuple[str, ...]
    others: tuple[str, ...]  # signatures that are not ours
    changes: tuple[str, ...]  # to the body, and to the fields that ours cover; a clause each


class _Letter:
    def __init__(self, raw: bytes) -> None:
        """A mailbox may keep lines that end with LF alone."""
        wire = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        head, _, self.body = wire.partition(b"\r\n\r\n")
        self.names, self.values = fields_of(head + b"\r\n")

    def tags(self) -> list[tuple[bytes, dict[str, bytes]]]:
        """Each DKIM-Signature field: its unfolded value, and its tags without white space."""
        found = []
        for name, value in zip(self.names, self.values, strict=True):
            if name == _FIELD:
                parts = [part.partition(b"=") for part in value.split(b";")]
                tags = {
                    key.strip().decode("latin-1"): _SPACE.sub(b"", text)
                    for key, equals, text in parts
                    if equals
                }
                found.append((value, tags))
        return found

    def covered(self, names: Sequence[str]) -> bytes:
        """The canonical fields that h= names, the lowest of a name first (RFC 6376, 5.4.2)."""
        left = list(zip(self.names, self.values, strict=True))
        chosen = []
        for wanted in names:
            at = next((at for at in reversed(range(len(left))) if left[at][0] == wanted), None)
            if at is not None:
                chosen.append(relaxed_field(*left.pop(at)))
        return b"".join(chosen)

    def all_of(self, name: str) -> list[bytes]:
        pairs = zip(self.names, self.values, strict=True)
        return [relaxed_value(value) for each, value in pairs if each == name]


def marks_of(sent: bytes) -> tuple[bytes, ...]:
    """By which of these a letter is known again: its Message-ID, and the values of b=."""
    letter = _Letter(sent)
    signed = [tags["b"] for _, tags in letter.tags() if tags.get("b")]
    return (*letter.all_of("message-id"), *signed)


def is_marked(arrived: bytes, marks: Sequence[bytes]) -> bool:
    """Whether this is the letter; it may have been folded anew."""
    head = _SPACE.sub(b"", arrived.replace(b"\r\n", b"\n").partition(b"\n\n")[0])
    return any(mark in head for mark in marks)


def judge_arrival(sent: bytes, arrived: bytes, keys: Sequence[OurKey]) -> ArrivedSignatures:
    """`sent` is not dot-stuffed; `arrived` may have lines that end with LF alone."""
    before, after = _Letter(sent), _Letter(arrived)
    ours = {(each.domain, each.selector): each.key for each in keys}
    states: dict[str, bool] = {}
    others = []
    for value, tags in after.tags():
        place = (_text(tags, "d").lower(), _text(tags, "s"))
        title = f"{place[0]} ({place[1]})"
        if key := ours.get(place):
            states[title] = states.get(title, False) or _is_whole(after, value, tags, key)
        else:
            others.append(title)
    titles = [f"{domain} ({selector})" for domain, selector in ours]
    broken = tuple(title for title in titles if states.get(title) is False)
    return ArrivedSignatures(
        whole=tuple(title for title in titles if states.get(title)),
        broken=broken,
        missing=tuple(title for title in titles if title not in states),
        others=tuple(dict.fromkeys(others)),
        changes=tuple(_changes(before, after)) if broken else (),
    )


def _text(tags: dict[str, bytes], name: str) -> str:
    return tags.get(name, b"").decode("latin-1")


def _is_whole(letter: _Letter, value: bytes, tags: dict[str, bytes], key: SigningKey) -> bool:
    """RFC 6376, 3.7, for what `signatures` writes: relaxed/relaxed, SHA-256, no l=."""
    names = _text(tags, "h").lower().split(":")
    unsigned = _NO_SIGNATURE.sub(rb"\1\2", value)
    hashed = letter.covered(names) + b"dkim-signature:" + relaxed_value(unsigned)
    try:
        body_hash = b64decode(tags.get("bh", b""))
        signature = b64decode(tags.get("b", b""))
    except NotBase64:
        return False
    if hashlib.sha256(relaxed_body(letter.body)).digest() != body_hash:
        return False
    return key.has_signed(signature, hashed)


def _changes(before: _Letter, after: _Letter) -> list[str]:
    """What a signature notices, in words."""
    named = dict.fromkeys(
        name for _, tags in before.tags() for name in _text(tags, "h").lower().split(":")
    )
    changes = [change for name in named if (change := _change_of(name, before, after))]
    was, became = relaxed_body(before.body), relaxed_body(after.body)
    if was != became:
        changes.append(_change_of_body(was.split(b"\r\n"), became.split(b"\r\n")))
    return changes or ["the field of the signature itself was changed, or another key made it"]


def _change_of(name: str, before: _Letter, after: _Letter) -> str:
    was, became = before.all_of(name), after.all_of(name)
    title = name.title().replace("-Id", "-ID").replace("Mime-", "MIME-")
    if was == became:
        return ""
    if len(became) < len(was):
        return f"{title} was taken out"
    if len(became) > len(was):
        return f"{'another ' if was else ''}{title} was added: {_shown(became[0])}"
    at = next(at for at in range(len(was)) if was[at] != became[at])
    return f"{title} was changed from {_shown(was[at])} to {_shown(became[at])}"


def _change_of_body(was: list[bytes], became: list[bytes]) -> str:
    most = min(len(was), len(became))
    at = next((at for at in range(most) if was[at] != became[at]), most)
    return (
        f"line {at + 1:,} of the body was changed"
        f" from {_shown(b''.join(was[at : at + 1]))} to {_shown(b''.join(became[at : at + 1]))}"
    )


def _shown(value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    return f"'{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}'"
