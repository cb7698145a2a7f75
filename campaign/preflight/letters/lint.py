"""One letter as it would travel, judged.

In: RFC 5322 bytes.  Out: `Remark`s.  Touches: nothing.

Nothing in a letter may end in an error here; what cannot be read is passed over.
"""

from __future__ import annotations

import re
from binascii import Error as NotBase64
from binascii import a2b_base64, a2b_qp
from collections import Counter
from collections.abc import Iterator
from email.header import decode_header, make_header
from functools import lru_cache
from html import unescape
from typing import NamedTuple
from urllib.parse import urlsplit

from campaign.addresses.lookalikes import deceit_of
from campaign.preflight.letters.clients import gaps_in
from campaign.preflight.rules import Level
from campaign.signing.fields import cover_of

LINE_MAX = 998  # RFC 5322, 2.1.1, without CRLF
HEAD_MAX = 16 * 1024
CLIPPED_BYTES = 102 * 1024
# RFC 5322, 3.6, RFC 2369 and RFC 8058: once, where they are there at all.
_ONCE = frozenset(
    ("from", "sender", "reply-to", "to", "cc", "message-id", "in-reply-to", "references", "date",
     "subject", "mime-version", "content-type", "content-transfer-encoding", "list-unsubscribe",
     "list-unsubscribe-post", "list-id", "feedback-id")
)  # fmt: skip
_SHORTENERS = frozenset(
    ("bit.ly", "t.co", "goo.gl", "tinyurl.com", "ow.ly", "is.gd", "buff.ly", "rebrand.ly",
     "cutt.ly", "t.cn", "dwz.cn", "url.cn", "suo.im", "shorturl.at", "rb.gy", "lnkd.in")
)  # fmt: skip
ANSWER = re.compile(r"\s*(?:re|fwd?|aw|wg|回复|转发)\s*[:：]", re.IGNORECASE)  # noqa: RUF001
ANCHOR = re.compile(
    r"<a\b[^>]*?\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)')[^>]*>(.*?)</a", re.IGNORECASE | re.DOTALL
)
MESSAGE_ID = re.compile(r"<[^<>\s@]+@[^<>\s@]+>")
_TAG = re.compile(r"<[^>]*>")
_HOST = re.compile(r"(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/:?#]\S*)?", re.IGNORECASE)
_MARKS = re.compile("[✓✔☑✅🔒🛡]")
_ADDRESS = re.compile(r"[^\s<>@\"]+@([a-z0-9-]+(?:\.[a-z0-9-]+)+)", re.IGNORECASE)
_BOUNDARY = re.compile(r"\bboundary\s*=\s*(?:\"([^\"]+)\"|([^\s;]+))", re.IGNORECASE)
_CHARSET = re.compile(r"\bcharset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_DEEPEST = 10  # multiparts within multiparts


class Remark(NamedTuple):
    """One thing about one letter."""

    id: str  # of the rule
    level: Level
    evidence: str


class Bulk(NamedTuple):
    """What the campaign promises of its letters."""

    is_list: bool  # there is an [unsubscribe]
    is_signed: bool  # there is a [[dkim]]


def remarks_on(wire: bytes, bulk: Bulk) -> Iterator[Remark]:
    """All that speaks against a letter."""
    head, _, body = wire.partition(b"\r\n\r\n")
    yield from head_remarks(head, bulk)
    yield from _of_lines(head, body)
    text, html = _bodies(wire)
    if html and not text.strip():
        yield Remark("letter-text", "warn", "there is HTML, and no text part")
    if html:
        size_bytes = len(html.encode("utf-8", "replace"))
        if size_bytes > CLIPPED_BYTES:
            yield Remark("letter-clipped", "warn", f"the HTML has {size_bytes // 1024:,} KB")
        yield from html_remarks(html)


def head_remarks(head: bytes, bulk: Bulk) -> Iterator[Remark]:
    """About the fields, but for the length of their lines."""
    fields = _fields(head)
    values = dict(reversed(fields))  # of several the first
    yield from _of_head(head, fields)
    yield from _of_unsubscribe(fields, values, bulk)
    yield from of_author(values.get("from", ""))
    yield from _of_subject(values)


def html_remarks(html: str) -> Iterator[Remark]:
    """About HTML, but for its size."""
    for double, single, inside in ANCHOR.findall(html):
        yield from link_remarks(double or single, inside)
    for gap in gaps_in(html):
        yield Remark("letter-clients", "info", str(gap))


def _fields(head: bytes) -> list[tuple[str, str]]:
    text = head.decode("utf-8", "replace")
    unfolded = re.sub(r"\r\n(?=[ \t])", "", text)
    pairs = (line.partition(":") for line in unfolded.split("\r\n"))
    return [(name.strip().lower(), value.strip()) for name, colon, value in pairs if colon]


def _of_head(head: bytes, fields: list[tuple[str, str]]) -> Iterator[Remark]:
    counts = Counter(name for name, _ in fields)
    for name, count in counts.items():
        if count > 1 and name in _ONCE:
            yield Remark("letter-single", "fail", f"{name} stands {count} times")
    for name in ("from", "date"):
        if not counts[name]:
            yield Remark("letter-single", "fail", f"there is no {name}")
    if len(head) > HEAD_MAX:
        yield Remark("letter-head", "warn", f"the header has {len(head):,} bytes")
    identity = dict(reversed(fields)).get("message-id", "")
    if not MESSAGE_ID.fullmatch(identity):
        yield Remark("letter-id", "fail", f"Message-ID is '{identity[:60]}'")


def _of_lines(head: bytes, body: bytes) -> Iterator[Remark]:
    for name, part in (("header", head), ("body", body)):
        longest = max(map(len, part.split(b"\r\n")))
        if longest > LINE_MAX:
            yield Remark("letter-lines", "fail", f"a line of the {name} has {longest:,} bytes")


def _of_unsubscribe(
    fields: list[tuple[str, str]], values: dict[str, str], bulk: Bulk
) -> Iterator[Remark]:
    uris = re.findall(r"<\s*([^>]*?)\s*>", values.get("list-unsubscribe", ""))
    has_https = any(uri.lower().startswith("https://") for uri in uris)
    post = values.get("list-unsubscribe-post", "")
    if not uris:
        level: Level = "fail" if bulk.is_list else "warn"
        yield Remark("letter-one-click", level, "there is no List-Unsubscribe")
    elif not has_https:
        yield Remark("letter-one-click", "fail", "List-Unsubscribe has no https address")
    elif post.replace(" ", "").lower() != "list-unsubscribe=one-click":
        what = "List-Unsubscribe-Post is not 'List-Unsubscribe=One-Click'"
        yield Remark("letter-one-click", "fail", what)
    elif bulk.is_signed and (missing := _uncovered(tuple(name for name, _ in fields))):
        what = f"h= does not have {' and '.join(sorted(missing))}"
        yield Remark("letter-signed", "fail", what)


@lru_cache(maxsize=64)
def _uncovered(names: tuple[str, ...]) -> frozenset[str]:
    """Which fields of one-click a signature of a letter with these fields leaves out."""
    return frozenset({"list-unsubscribe", "list-unsubscribe-post"} - set(cover_of(names).names))


@lru_cache(maxsize=1024)
def _author_remarks(value: str) -> tuple[Remark, ...]:
    found = []
    shown = _decoded(value)
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|\([^()]*\)', "", value)
    if bare.count("@") != 1 or "," in bare or ";" in bare:
        found.append(Remark("letter-from", "fail", f"From does not have one address: {value[:80]}"))
    name, _, rest = shown.rpartition("<")
    domain = rest.rpartition("@")[2].rstrip(">").strip().lower()
    named = _ADDRESS.search(name)
    if named and not _are_one_site(named[1].lower(), domain):
        what = f"the name says {named[0]}, and the address is of {domain}"
        found.append(Remark("letter-from", "fail", what))
    if mark := _MARKS.search(name):
        what = f"the name has '{mark[0]}', which looks like a mark of the mail program"
        found.append(Remark("letter-from", "warn", what))
    if ANSWER.match(name.strip('" ')):
        found.append(Remark("letter-from", "warn", f"the name begins like an answer: {name[:40]}"))
    if deceit := deceit_of(domain):
        found.append(Remark("letter-lookalike", "fail", f"From: {deceit}"))
    return tuple(found)


def of_author(value: str) -> tuple[Remark, ...]:
    """About the field From, which is the same in nearly all letters."""
    return _author_remarks(value) if value else ()


def _of_subject(values: dict[str, str]) -> Iterator[Remark]:
    subject = _decoded(values.get("subject", ""))
    if not subject.strip():
        yield Remark("letter-subject", "warn", "there is no subject")
    elif ANSWER.match(subject) and "in-reply-to" not in values:
        what = f"'{subject[:40]}' looks like an answer, and there is no In-Reply-To"
        yield Remark("letter-subject", "warn", what)


def link_remarks(href: str, inside: str) -> Iterator[Remark]:
    """About one link: what stands in its `href`, and between its tags."""
    target = unescape(href).strip()
    try:
        parts = urlsplit(target)
        host = (parts.hostname or "").lower()
    except ValueError:
        yield Remark("letter-links", "warn", f"{target[:60]} is not an address")
        return
    if not host:
        return
    said = _HOST.fullmatch(unescape(_TAG.sub("", inside)).strip())
    if said and not _are_one_site(said[1].lower(), host):
        yield Remark("letter-links", "warn", f"a link says {said[1]} and goes to {host}")
    if host.removeprefix("www.") in _SHORTENERS:
        yield Remark("letter-links", "warn", f"{host} hides where a link goes")
    if deceit := deceit_of(host):
        yield Remark("letter-lookalike", "fail", f"a link: {deceit}")


def _are_one_site(said: str, goes: str) -> bool:
    said, goes = said.removeprefix("www."), goes.removeprefix("www.")
    return said == goes or goes.endswith(f".{said}") or said.endswith(f".{goes}")


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError):
        return value


def _bodies(wire: bytes) -> tuple[str, str]:
    """The text and the HTML, each the first that is no attachment."""
    found: dict[str, str] = {}
    _look_into(wire, found, _DEEPEST)
    return found.get("text/plain", ""), found.get("text/html", "")


def _look_into(entity: bytes, found: dict[str, str], depth: int) -> None:
    """Why fast: the parser of the standard library takes half of the time of all rules together
    (`take_census` under cProfile); what a letter of ours is made of is cut at its boundaries."""
    # A part may have no field at all: it begins with the empty line.
    head, _, body = (b"\r\n" + entity).partition(b"\r\n\r\n")
    fields = dict(reversed(_fields(head)))
    kind, _, parameters = fields.get("content-type", "text/plain").partition(";")
    kind = kind.strip().lower()
    if kind.startswith("multipart/"):
        boundary = _BOUNDARY.search(parameters)
        if boundary and depth:
            mark = f"--{boundary[1] or boundary[2]}".encode()
            for part in (b"\r\n" + body).split(b"\r\n" + mark)[1:]:
                if part.startswith(b"--"):
                    return
                _look_into(part.partition(b"\r\n")[2], found, depth - 1)
        return
    is_shown = not fields.get("content-disposition", "").lower().startswith("attachment")
    if kind in ("text/plain", "text/html") and kind not in found and is_shown:
        found[kind] = _text_of(body, fields.get("content-transfer-encoding", ""), parameters)


def _text_of(body: bytes, encoding: str, parameters: str) -> str:
    encoding = encoding.strip().lower()
    if encoding == "base64":
        try:
            body = a2b_base64(body)
        except NotBase64:
            return ""
    elif encoding == "quoted-printable":
        body = a2b_qp(body)
    charset = _CHARSET.search(parameters)
    try:
        return body.decode(charset[1] if charset else "utf-8", "replace")
    except LookupError:
        return body.decode("latin-1")
