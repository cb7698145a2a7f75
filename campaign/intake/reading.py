"""A request becomes a letter that can be kept, or is refused in a sentence.

In: a `LetterRequest`, the settings of an open campaign.  Out: what the intake keeps of it.
Touches: nothing.  Fails with BadLetterError.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from math import isfinite
from typing import NamedTuple

from campaign.addresses.syntax import AddressError, parse_mailbox
from campaign.config.checking.checks import RESERVED_HEADERS
from campaign.config.settings import Settings
from campaign.errors import BadLetterError, RenderError
from campaign.intake.requests import KEY_MAX, LetterRequest
from campaign.journal.arrivals import BULK, FIRST, NewArrival
from campaign.records import Job
from campaign.rendering.asked import AskedLetter, without_nulls
from campaign.rendering.finished import message_id_of, whole_message
from campaign.rendering.mime.headers import field_name
from campaign.rendering.mime.structured import custom_field
from campaign.rendering.spec import FINISHED

# Written from the settings, or by servers, or of no use in a letter to one person.
_RESERVED = RESERVED_HEADERS | {"list-unsubscribe", "list-unsubscribe-post", "list-id", "sender"}
HEADERS_MAX = 50
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_DEPTH_MAX = 20  # of data within data


class ReadRequest(NamedTuple):
    """A request that can be kept, if its letter can be made."""

    arrival: NewArrival
    source: str  # the name of its source
    list: str

    def job(self, source: int) -> Job:
        """What a worker makes the letter from, to see whether it can be made."""
        arrival = self.arrival
        return Job(0, source, arrival.address, arrival.person, arrival.data, repeat="#0")


class RequestReader:
    """For one open campaign; `lists` may be named to be left."""

    def __init__(self, settings: Settings, lists: tuple[str, ...]) -> None:
        self._templates = settings.template
        self._delivery = settings.delivery
        self._message_headers = {name.lower() for name in settings.message.headers}
        self._lists = lists

    def read(self, request: LetterRequest, now_s: float) -> ReadRequest:
        """Raises BadLetterError."""
        if len(request.key) > KEY_MAX:
            raise BadLetterError(f"the key is longer than {KEY_MAX} characters")
        template = self._template_of(request)
        try:
            named = parse_mailbox(request.to)
        except AddressError as error:
            raise BadLetterError(f"to: {error.asked}") from None
        if request.list and request.list not in self._lists:
            raise BadLetterError(
                f"list: '{request.list}' is not a list of this campaign",
                remedy=f"known are {', '.join(self._lists)}" if self._lists else "",
            )
        self._refuse_headers(request)
        _refuse_values(request.data, _DEPTH_MAX)
        due_s = _moment("send_at", request.send_at)
        lasts_s = self._delivery.expire_after
        if template and (own := self._templates[template].expire_after) is not None:
            lasts_s = own
        expires_s = max(now_s, due_s) + lasts_s
        if request.expires_at:
            expires_s = min(expires_s, _moment("expires_at", request.expires_at))
        if expires_s <= max(now_s, due_s):
            raise BadLetterError("expires_at: it is over before the letter may go")
        message, message_id = _message_of(request)
        asked = AskedLetter(
            named.name,
            without_nulls(request.data),
            request.headers or None,
            request.attachments,
            message,
            request.list,
            request.send_at,
            request.expires_at,
        )
        try:
            data = asked.written()
            data.encode()
        except UnicodeEncodeError:
            raise BadLetterError("the data holds half of a character (a lone surrogate)") from None
        address = named.address
        arrival = NewArrival(
            secrets.token_hex(16), request.scope, request.key, request.digest, template,
            address.spec, address.key, address.domain, data, "", message_id, now_s,
            due_s if due_s > now_s else 0.0, expires_s, self._lane_of(template),
        )  # fmt: skip
        return ReadRequest(arrival, template or FINISHED, request.list)

    def _lane_of(self, template: str) -> int:
        return BULK if template and self._templates[template].lane == "bulk" else FIRST

    def _template_of(self, request: LetterRequest) -> str:
        if request.message and (request.template or request.data):
            raise BadLetterError("a finished message needs no template and no data")
        name = request.template
        if request.message:
            return ""
        if request.templates and name not in request.templates:
            raise BadLetterError(f"this key may not ask for the template '{name}'")
        if name not in self._templates:
            known = ", ".join(request.templates or sorted(self._templates))
            raise BadLetterError(f"there is no template '{name}'", remedy=f"there are {known}")
        return name

    def _refuse_headers(self, request: LetterRequest) -> None:
        """Raises BadLetterError for fields that are written otherwise, or cannot be written."""
        if len(request.headers) > HEADERS_MAX:
            raise BadLetterError(f"headers: more than {HEADERS_MAX} fields")
        own = set(self._message_headers)
        if request.template in self._templates:
            own |= {name.lower() for name in self._templates[request.template].headers}
        seen: set[str] = set()
        for name, value in request.headers.items():
            lower = name.lower()
            if lower in _RESERVED or lower.startswith("content-"):
                raise BadLetterError(f"headers: {name} is written by campaign")
            if lower in own:
                raise BadLetterError(f"headers: {name} stands in the template")
            if lower in seen:
                raise BadLetterError(f"headers: {name} comes twice")
            seen.add(lower)
            try:
                field_name(name)
                custom_field(name, value)
            except (RenderError, UnicodeEncodeError) as error:
                raise BadLetterError(f"headers: {error}") from None


def _message_of(request: LetterRequest) -> tuple[str, str]:
    """A finished message, each byte as the character of its number, and its Message-ID."""
    if not request.message:
        return "", ""
    try:
        message = whole_message(request.message)
    except RenderError as error:
        raise BadLetterError(f"message: {error}") from None
    return message.decode("latin-1"), message_id_of(message)


def _moment(name: str, text: str) -> float:
    """Unix time of RFC 3339; 0.0 of nothing."""
    if not text:
        return 0.0
    try:
        moment = datetime.fromisoformat(text.upper())  # "t" and "z" are allowed (RFC 3339, 5.6)
        if moment.tzinfo is None or not _EARLIEST < moment < _LATEST:
            raise ValueError
        return moment.timestamp()
    except (ValueError, OverflowError):
        raise BadLetterError(
            f"{name}: '{text}' is not a moment",
            remedy="write a date, a time and an offset: 2026-12-01T09:00:00+08:00",
        ) from None


def _refuse_values(value: object, left: int) -> None:
    """Raises BadLetterError for data that are nested too deep, and for what no template prints."""
    if left == 0:
        raise BadLetterError(f"data: it is nested more than {_DEPTH_MAX} deep")
    if isinstance(value, float) and not isfinite(value):  # 1e999 is valid JSON, and read as that
        raise BadLetterError(f"data: a number in it is read as {value}, which nobody can use")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        _refuse_values(each, left - 1)
