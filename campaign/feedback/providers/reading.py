"""Events of a provider, from a file or from what it posted.

In: JSON documents: one, an array, one a line, one after the other.  Out: `Returned`s.
Touches: nothing.  What is not JSON is an unreadable one, with its line; nothing here raises for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from campaign.feedback.parsing.notices import Returned
from campaign.feedback.providers import mailgun, postmark, sendgrid, ses
from campaign.feedback.providers.payloads import unreadable, untold

_READERS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Returned]]] = {
    ses.NAME: ses.read,
    sendgrid.NAME: sendgrid.read,
    mailgun.NAME: mailgun.read,
    postmark.NAME: postmark.read,
}
PROVIDERS = tuple(_READERS)
_MOST_BYTES = 64 << 20  # of one document; a line is one where it can be read alone
_DECODER = json.JSONDecoder()


def read_events(provider: str, document: Any) -> Iterator[Returned]:
    """Of one JSON document, an object or an array of them."""
    for event in document if isinstance(document, list) else [document]:
        if isinstance(event, dict):
            yield from _READERS[provider](event)
        else:
            yield untold(provider, event, "it is no JSON object")


def read_text(provider: str, text: str, line: int = 1) -> Iterator[tuple[int, Returned]]:
    """Each event with the line on which its document begins."""
    at = 0
    while True:
        while at < len(text) and text[at] in " \t\r\n,\ufeff":
            at += 1
        if at == len(text):
            return
        begins = line + text.count("\n", 0, at)
        try:
            document, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else "it is too deep"
            end = text.find("\n", at) + 1 or len(text)
            yield begins, unreadable(text[at:end], f"it is no JSON: {why}")
        else:
            for each in read_events(provider, document):
                yield begins, each
        at = end


def read_file(provider: str, file: BinaryIO) -> Iterator[tuple[int, Returned]]:
    """As `read_text`; of a file with a document a line, no more than a line is in memory."""
    has_lines = False
    for line, raw in enumerate(file, start=1):
        if not raw.strip():
            continue
        if not has_lines and not _is_whole(raw):  # documents of several lines
            text = (raw + file.read(_MOST_BYTES)).decode("utf-8", "replace")
            yield from read_text(provider, text, line)
            if file.read(1):
                why = f"what comes after the first {_MOST_BYTES >> 20} MB was not read: split it"
                yield line + text.count("\n"), unreadable(text[-80:], why)
            return
        has_lines = True
        yield from read_text(provider, raw.decode("utf-8", "replace"), line)


def _is_whole(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return True
