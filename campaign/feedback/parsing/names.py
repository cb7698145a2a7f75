"""What of ours may stand in a text that came back: Message-IDs, tokens of envelope senders.

In: text.  Out: what looks like ours, in the order in which it stands there.  Touches: nothing.
Whether it is ours is for `identity` to say.
"""

from __future__ import annotations

import re

_OUR_ID = re.compile(r"(?<![0-9A-Za-z])([0-9a-f]{32}@[A-Za-z0-9.-]{1,255})")
_TOKEN = re.compile(r"(?<![a-z2-7])[a-z2-7]{32}(?![a-z2-7])")
IDS_MOST = 20
_TOKENS_MOST = 60


def message_ids_in(text: str, without: str = "") -> tuple[str, ...]:
    """Of the form that ours have, without brackets."""
    found = _first(_OUR_ID, text, 4 * IDS_MOST)
    return tuple(dict.fromkeys(each for each in found if each != without))[:IDS_MOST]


def sender_tokens_in(text: str) -> str:
    """What may be signed envelope senders, with blanks between; mail systems change their case."""
    return " ".join(dict.fromkeys(_first(_TOKEN, text.lower(), _TOKENS_MOST)))


def _first(pattern: re.Pattern[str], text: str, most: int) -> list[str]:
    found = []
    for match in pattern.finditer(text):
        found.append(match[0])
        if len(found) == most:
            break
    return found
