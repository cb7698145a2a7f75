"""Header fields with a grammar of their own that a campaign may add: addresses, lists, links.

In: names and values from [message.headers].  Out: the bytes of folded fields.  Touches: nothing.
Fails with RenderError, which says how the field is to be written.

As one encoded-word such a field would hold no address and no link that a program could find
(RFC 2047, 5): only the words around them are encoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from campaign.addresses.syntax import AddressError, parse_mailbox
from campaign.errors import RenderError
from campaign.rendering.mime import headers

# Fields of one mailbox or several (RFC 5322, 3.6; RFC 8098, 2.1; Errors-To and the others are old
# customs that programs still read).
_MAILBOXES = frozenset(
    ("sender", "errors-to", "disposition-notification-to", "return-receipt-to",
     "x-confirm-reading-to", "mail-followup-to", "mail-reply-to", "resent-from", "resent-sender",
     "resent-to", "x-original-from", "x-sender", "x-envelope-from", "apparently-to")
)  # fmt: skip
_ONE = frozenset({"sender", "resent-sender"})  # RFC 5322, 3.6.2: exactly one
# RFC 2369, 3: links in angle brackets, each with a comment or without.
_LINKS = frozenset(
    ("list-unsubscribe", "list-help", "list-subscribe", "list-post", "list-owner", "list-archive")
)  # fmt: skip
_IDS = frozenset({"in-reply-to", "references", "resent-message-id"})  # RFC 5322, 3.6.4

_BETWEEN_COMMAS = re.compile(r'(?:"(?:\\.|[^"\\])*"|<[^>]*>|[^,])+')
_LINK = re.compile(r"\s*<\s*([^<>\s]+)\s*>\s*(?:\(([^()]*)\))?\s*(?:,|$)")
_LIST_ID = re.compile(r"([^<>]*)<\s*([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+)\s*>")  # RFC 2919, 3
_ID = re.compile(r"\s*(<[!-;=?-~]+@[!-;=?-~]+>)\s*")
_URL_SAFE = ":/?#[]@!$&'()*+,;=%-._~"  # RFC 3986, 2.2 and 2.3; `%` stands before what is escaped


def custom_field(name: str, value: str) -> bytes:
    """A field from [message.headers], written by the grammar that its name stands for.

    Raises RenderError.
    """
    return _writer(name.lower())(name, headers.checked(name, value))


def _writer(lower: str) -> Callable[[str, str], bytes]:
    if lower in _MAILBOXES:
        return _mailboxes
    if lower == "list-id":
        return _list_id
    if lower in _LINKS:
        return _links
    return _ids if lower in _IDS else headers.text_field


def _mailboxes(name: str, value: str) -> bytes:
    texts = _split(value)
    if len(texts) > 1 and name.lower() in _ONE:
        raise RenderError(f"{name} holds {len(texts)} addresses and may hold one")
    lines: list[str] = []
    for text in texts:
        try:
            mailbox = parse_mailbox(text)
        except AddressError as error:
            raise RenderError(f"{name}: {error}; write Ada Lovelace <ada@example.com>") from None
        if mailbox.address.needs_smtputf8:
            raise RenderError(f"{name}: {text!r} can be read only where SMTPUTF8 is offered")
        at = 1 if lines else len(name) + 2
        lines.append(headers.mailbox_text(name, mailbox.name, mailbox.address.spec, at))
    return f"{name}: {_list(lines)}\r\n".encode()


def _split(value: str) -> list[str]:
    """At the commas between mailboxes; one that stands in quotes or brackets is no such comma."""
    return [part.strip() for part in _BETWEEN_COMMAS.findall(value) if part.strip()]


def _list_id(name: str, value: str) -> bytes:
    found = _LIST_ID.fullmatch(value)
    if not found:
        raise RenderError(f"{name} is not a list's name: write Our News <news.example.com>")
    phrase, angle = found[1].strip().strip('"'), f"<{found[2]}>"
    text = headers.phrase_text(phrase, angle, len(name) + 2) if phrase else angle
    return f"{name}: {text}\r\n".encode()


def _links(name: str, value: str) -> bytes:
    if name.lower() == "list-post" and value.upper() == "NO":  # RFC 2369, 3.4
        return f"{name}: NO\r\n".encode()
    items: list[str] = []
    at = 0
    while at < len(value):
        found = _LINK.match(value, at)
        if not found:
            raise RenderError(
                f"{name} is not a list of links: write <https://example.com/leave>,"
                " <mailto:leave@example.com>"
            )
        link = f"<{quote(found[1], safe=_URL_SAFE)}>"
        items.append(f"{link}\r\n ({_comment(found[2])})" if found[2] else link)
        at = found.end()
    if not items or any(len(item) > headers.LONGEST - len(name) - 3 for item in items):
        raise RenderError(f"{name} holds no link, or one that is too long for a line")
    return f"{name}: {_list(items)}\r\n".encode()


def _comment(text: str) -> str:
    """RFC 2047, 5 (2): what is not ASCII stands as encoded-words in a comment, too."""
    if text.isascii() and "=?" not in text and "\\" not in text:
        return text
    return "\r\n ".join(headers.encoded_words(text, headers.WORD_LINE - 3))


def _ids(name: str, value: str) -> bytes:
    ids = [found[1] for found in _ID.finditer(value)]
    if not ids or "".join(ids) != re.sub(r"\s+", "", value):
        raise RenderError(f"{name} is not a list of Message-IDs: write <left@right>")
    text = " ".join(ids)
    if len(name) + 2 + len(text) > headers.LINE:
        text = "\r\n ".join(ids)
    return f"{name}: {text}\r\n".encode()


def _list(items: list[str]) -> str:
    """On one line where there is one item, else each on a line of its own."""
    return items[0] if len(items) == 1 else ",\r\n ".join(items)
