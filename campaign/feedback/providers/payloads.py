"""What the formats of all providers have in common.

In: values of a JSON document that somebody else wrote.  Out: text, times, a `Returned`.
Touches: nothing; a value of another type than expected is as good as none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import mktime_tz, parsedate_tz
from typing import Any

from campaign.feedback.parsing.names import message_ids_in, sender_tokens_in
from campaign.feedback.parsing.notices import EVIDENCE_MAX, Clues, Notice, Returned, Sort

_SEARCHED = 64 * 1024  # characters of an event in which names of ours are looked for
_TOKENS_SEARCHED = 4000
_MILLISECONDS = 1e11  # from here on a number is not seconds: that would be the year 5138


def table(value: Any, *names: str) -> Mapping[str, Any]:
    """The object found by following these names; empty where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[Mapping[str, Any]]:
    """The objects in an array."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def words(value: Any) -> str:
    """Text on one line; numbers are told as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(str(value).split())[:EVIDENCE_MAX]


def moment(value: Any) -> float:
    """Unix time of a number, of ISO 8601, of RFC 5322; 0.0 where it says no time."""
    if isinstance(value, str) and value.replace(".", "", 1).isdecimal():
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if value >= _MILLISECONDS else value
        return float(seconds) if 0 < seconds < _MILLISECONDS else 0.0
    if not isinstance(value, str):
        return 0.0
    try:
        read = datetime.fromisoformat(_short_fraction(value))
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    try:
        parsed = parsedate_tz(value)
        return float(max(0, mktime_tz(parsed))) if parsed else 0.0
    except (ValueError, OverflowError, TypeError, IndexError):
        return 0.0


def _short_fraction(text: str) -> str:
    """Postmark tells seven digits of a second, and Python takes six."""
    head, point, tail = text.partition(".")
    if not point:
        return text
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"


def returned(
    provider: str,
    event: Any,
    id_: str,
    at: float,
    notices: Sequence[Notice],
    *,
    senders: str = "",
    message_id: str = "",
    own: Any = (),
    subject: str = "",
) -> Returned:
    """One event.

    id_: what the provider knows the event by; "" takes the whole of it
    senders: text in which the envelope sender stands
    message_id: the letter's own, where the provider keeps it
    own: what the sender gave along with the letter: headers, arguments, metadata
    """
    text = json.dumps(event, ensure_ascii=False)[:_SEARCHED]
    told = id_ or json.dumps(event, sort_keys=True)
    clues = Clues(
        sender_tokens_in(senders),
        message_ids_in(f"{message_id} {text}"),
        "\n".join(_texts(own))[:_TOKENS_SEARCHED],
        message_id,
    )
    digest = hashlib.sha256(f"{provider} {told}".encode()).hexdigest()
    return Returned(
        Sort.PROVIDER, digest, at, tuple(notices), clues, subject[:200], source=provider
    )


def untold(provider: str, event: Any, why: str) -> Returned:
    """An event that says nothing of what became of a letter, or that is not understood."""
    return returned(provider, event, "", 0.0, ())._replace(why=why)


def unreadable(text: str, why: str) -> Returned:
    """What is not a document of the format."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return Returned(Sort.UNREADABLE, digest, 0.0, (), Clues(), "", why)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
