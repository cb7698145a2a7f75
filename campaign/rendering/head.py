"""The header of a letter, without the fields of its MIME structure.

In: [message] and [unsubscribe] of the config, sheets.  Out: bytes of header fields.
Touches: nothing.

What is the same for everybody is written once.  What differs is written for each row and read
back before it is let out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from campaign.addresses.syntax import AddressError, NamedAddress, parse_mailbox
from campaign.errors import ConfigError, RenderError
from campaign.rendering.body import refuse_leftover
from campaign.rendering.bulk import bulk_fields
from campaign.rendering.memo import Memo
from campaign.rendering.mime import headers
from campaign.rendering.mime.structured import custom_field
from campaign.rendering.sheet import Sheet
from campaign.rendering.spec import Content, RenderSpec, UnsubscribeSpec
from campaign.rendering.templating.locales import Variants
from campaign.rendering.templating.templates import Template, TemplateCompiler, is_constant

# Fields that are written here, or by servers, or by nobody (a letter has one recipient).
OURS = frozenset(
    ("from", "to", "cc", "bcc", "subject", "date", "message-id", "reply-to", "mime-version",
     "return-path", "received", "dkim-signature", "list-unsubscribe-post")
)  # fmt: skip
_KEPT_SUBJECTS = 200_000  # characters; most campaigns have one subject, or one for each first name
_MAILTO_SAFE = "@!$'*+-._~"  # RFC 6068, 2: the rest of an address is escaped
_ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"  # RFC 8058, 3.1


class Head:
    """Raises TemplateError or ConfigError when it is made."""

    def __init__(self, compiler: TemplateCompiler, spec: RenderSpec) -> None:
        message = Content.of(spec.message)
        sender = _sender(message.from_)
        self._spec = spec
        self.domain = sender.address.domain
        self._subject = Variants(
            compiler.text(message.subject, "message.subject"),
            {
                tag.lower().replace("_", "-"): compiler.text(text, f"message.subjects.{tag}")
                for tag, text in message.subjects.items()
            },
        )
        self._subjects = Memo(_subject_field, most=_KEPT_SUBJECTS)
        self._name = compiler.text(spec.name_template, "recipients.name")
        self._reply_to = compiler.text(message.reply_to, "message.reply_to")
        self._custom = _custom(compiler, message.headers, spec.unsubscribe)
        self.constant = self._written_once(sender)

    def write(self, sheet: Sheet) -> None:
        """A step: the fields that differ."""
        values = sheet.values
        subject = self._subject.pick(sheet.locale).render(values)
        name = self._name.render(values) if self._name.source else sheet.name
        refuse_leftover(name, "the name")
        names = [b"To", b"Subject", b"Message-ID"]
        lines = [
            headers.mailbox_field("To", name, sheet.job.address),
            self._subjects.of(subject),
            f"Message-ID: {sheet.marks.message_id}\r\n".encode(),
        ]
        if not self._reply_to.is_constant and (text := self._reply_to.render(values).strip()):
            names.append(b"Reply-To")
            lines.append(_reply_to_field(text))
        if self._spec.unsubscribe:
            names.append(b"List-Unsubscribe")
            lines.append(_list_unsubscribe(self._spec.unsubscribe, sheet.job.token, values))
        for field, template in self._custom:
            if not template.is_constant and (text := template.render(values).strip()):
                names.append(field.encode())
                lines.append(custom_field(field, text))
        for field, text in sheet.added:
            names.append(field.encode())
            lines.append(custom_field(field, text))
        block = b"".join(lines)
        headers.verify(block, names)
        sheet.subject = subject
        sheet.fields = names
        sheet.head = _date_field(sheet.job.date_s or self._spec.date_s) + block

    def _written_once(self, sender: NamedAddress) -> bytes:
        names = [b"From", b"MIME-Version"]
        lines = [
            headers.mailbox_field("From", sender.name, sender.address.spec),
            b"MIME-Version: 1.0\r\n",
        ]
        self._try_unsubscribe()
        if self._spec.unsubscribe and self._spec.unsubscribe.url:
            names.append(b"List-Unsubscribe-Post")
            lines.append(_ONE_CLICK)
        try:
            if self._reply_to.is_constant and self._reply_to.source:
                names.append(b"Reply-To")
                lines.append(_reply_to_field(self._reply_to.source))
            for field, text in self._constant_fields():
                names.append(field.encode())
                lines.append(custom_field(field, text))
            block = b"".join(lines)
            headers.verify(block, names)
        except RenderError as error:
            raise ConfigError(f"message: {error}") from None
        return block

    def _constant_fields(self) -> Iterator[tuple[str, str]]:
        """The author's own, and of bulk mail those that the author did not name."""
        own = {field.lower() for field, _ in self._custom}
        for field, text in bulk_fields(self._spec, self.domain):
            if field.lower() not in own:
                yield field, text
        for field, template in self._custom:
            if template.is_constant and (text := template.source.strip()):
                yield field, text

    def _try_unsubscribe(self) -> None:
        """Raises ConfigError for links that no letter could carry."""
        if unsubscribe := self._spec.unsubscribe:
            try:
                tried = {"unsubscribe_url": unsubscribe_url(self._spec, "a")}
                _list_unsubscribe(unsubscribe, "a", tried)
            except RenderError as error:
                raise ConfigError(f"unsubscribe: {error}") from None


@lru_cache(maxsize=64)
def _date_field(date_s: float) -> bytes:
    """Most of the messages of a moment share it."""
    block = headers.text_field("Date", headers.date_text(date_s))
    headers.verify(block, [b"Date"])
    return block


def unsubscribe_url(spec: RenderSpec, token: str) -> str:
    """The recipient's own link; "" where the campaign has none."""
    unsubscribe = spec.unsubscribe
    if unsubscribe is None or not unsubscribe.url:
        return ""
    return _with_token(unsubscribe.url, token)


def _with_token(url: str, token: str) -> str:
    """The token in the query: what stands behind `#` never reaches the server (RFC 3986, 3.5)."""
    start, mark, fragment = url.partition("#")
    joint = "&" if "?" in start else "?"
    if start.endswith(("?", "&")):
        joint = ""
    return f"{start}{joint}t={token}{mark}{fragment}"


def _subject_field(subject: str) -> bytes:
    if not subject or subject.isspace():
        raise RenderError("the subject is empty")
    refuse_leftover(subject, "the subject")
    return headers.text_field("Subject", subject)


def _sender(text: str) -> NamedAddress:
    if not is_constant(text):
        raise ConfigError("message.from: must be the same for everybody")
    try:
        return parse_mailbox(text)
    except AddressError as error:
        raise ConfigError(f"message.from: {error}") from None


def _custom(
    compiler: TemplateCompiler, texts: Mapping[str, str], unsubscribe: UnsubscribeSpec | None
) -> list[tuple[str, Template]]:
    found = []
    for name, text in texts.items():
        lower = name.lower()
        is_ours = lower in OURS or lower.startswith("content-")
        if is_ours or (unsubscribe and lower == "list-unsubscribe"):
            raise ConfigError(f"message.headers: {name} is written by the campaign itself")
        try:
            headers.field_name(name)
        except RenderError as error:
            raise ConfigError(f"message.headers: {error}") from None
        found.append((name, compiler.text(text, f"message.headers.{name}")))
    return found


@lru_cache(maxsize=1024)
def _reply_to_field(text: str) -> bytes:
    try:
        mailbox = parse_mailbox(text)
    except AddressError as error:
        raise RenderError(f"Reply-To: {error}") from None
    if mailbox.address.needs_smtputf8:
        raise RenderError(f"Reply-To: {text!r} can be answered only where SMTPUTF8 is offered")
    return headers.mailbox_field("Reply-To", mailbox.name, mailbox.address.spec)


def _list_unsubscribe(unsubscribe: UnsubscribeSpec, token: str, values: Mapping[str, Any]) -> bytes:
    """RFC 2369, 3.2: the ways in the order we like them used; the mail's subject has the token."""
    ways = []
    if unsubscribe.url:
        ways.append(f"<{values['unsubscribe_url']}>")
    if unsubscribe.mailto:
        subject = f"unsubscribe%20{token}" if token else "unsubscribe"
        address = quote(unsubscribe.mailto, safe=_MAILTO_SAFE)
        ways.append(f"<mailto:{address}?subject={subject}>")
    return headers.token_field("List-Unsubscribe", ways)
