"""The record of a key in the DNS (RFC 6376, 3.6.1): written for us, read from others.

In: keys, TXT records.  Out: text, `KeyRecord`.  Touches: nothing.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Sequence
from typing import NamedTuple

STRING_MAX = 255  # bytes of one string in a TXT record (RFC 1035, 3.3)
_TAG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SPACE = re.compile(r"[ \t\r\n]+")


class KeyRecord(NamedTuple):
    """What a record says."""

    kind: str  # k=
    public: str  # p=, base64 without spaces; "" is a key that was revoked
    hashes: tuple[str, ...]  # h=; () allows all
    services: tuple[str, ...]  # s=
    flags: tuple[str, ...]  # t=


def record_name(domain: str, selector: str) -> str:
    """Where in the DNS the key is looked for."""
    return f"{selector}._domainkey.{domain}"


def record_text(kind: str, public: str) -> str:
    """The record to publish for a key."""
    return f"v=DKIM1; k={kind}; p={public}"


def as_strings(text: str) -> list[str]:
    """The strings of a TXT record, none longer than one may be."""
    return [text[at : at + STRING_MAX] for at in range(0, len(text), STRING_MAX)]


def zone_line(name: str, text: str) -> str:
    """The record as it stands in a zone file (RFC 1035, 5.1)."""
    return f"{name}. IN TXT ( " + " ".join(f'"{string}"' for string in as_strings(text)) + " )"


def read_record(text: str) -> KeyRecord:
    """What a TXT record, its strings joined, says.  Raises ValueError: one clause says why not."""
    tags: dict[str, str] = {}
    for number, part in enumerate(text.split(";")):
        name, equals, value = (piece.strip(" \t\r\n") for piece in part.partition("="))
        if not (name or equals):
            continue  # an empty one, as behind the last ";"
        if not equals or not _TAG_NAME.fullmatch(name):
            raise ValueError(f"'{part.strip()[:40]}' is not a tag with a value")
        if name in tags:
            raise ValueError(f"the tag {name}= stands in it twice")
        if name == "v" and (value != "DKIM1" or number):
            raise ValueError("v= must be DKIM1 and come first")
        tags[name] = value
    if "p" not in tags:
        raise ValueError("it has no p=, so it holds no key")
    public = _SPACE.sub("", tags["p"])
    try:
        b64decode(public, validate=True)
    except NotBase64:
        raise ValueError("p= is not base64: a DNS panel may have cut or quoted it") from None
    return KeyRecord(
        kind=tags.get("k", "rsa"),
        public=public,
        hashes=_listed(tags.get("h", "")),
        services=_listed(tags.get("s", "*")),
        flags=_listed(tags.get("t", "")),
    )


def faults_of(record: KeyRecord, kind: str, public: str) -> Sequence[str]:
    """Why signatures of our key do not verify by a record; () if they do."""
    if not record.public:
        return ["p= is empty: the key was revoked"]
    faults = []
    if record.kind != kind:
        faults.append(f"k={record.kind} where our key is {kind}")
    if record.public != public:
        faults.append("p= is not the public part of our private key")
    if record.hashes and "sha256" not in record.hashes:
        faults.append(f"h={':'.join(record.hashes)} does not allow sha256")
    if not {"*", "email"} & set(record.services):
        faults.append(f"s={':'.join(record.services)} does not allow email")
    if "y" in record.flags:
        faults.append("t=y says the key is only tried out: receivers treat our mail as unsigned")
    return faults


def _listed(value: str) -> tuple[str, ...]:
    return tuple(part.strip(" \t\r\n").lower() for part in value.split(":") if part.strip())
