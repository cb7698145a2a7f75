"""Where a connection stands, and why one is gone.

In: nothing.  Out: `Condition`, `EndedBy`, `End`.  Touches: nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from campaign.records import Reply, Stage


class Condition(Enum):
    """Where an open connection stands; before that it is an `Opening`."""

    IDLE = "idle"  # no letter under way
    BUSY = "busy"
    FINISHING = "finishing"  # takes no further letter; QUIT when it has none
    GONE = "gone"  # see `end`


class EndedBy(Enum):
    """Who has ended a connection."""

    REPLY = "a reply"  # or a farewell
    SILENCE = "silence"  # a deadline passed
    BREAK = "a break"  # lost, or out of step
    QUIT = "quit"
    US = "us"  # cut


class End(NamedTuple):
    """Why a connection is gone."""

    cause: EndedBy
    stage: Stage  # whose reply was missing, or had come
    why: str
    reply: Reply | None = None  # a farewell that answered no letter
    dot_left: bool = True  # the last final dot has left our buffers
