"""What a run is told and what it tells.

In: nothing.  Out: `RunOptions`, `RunView`, `RunResult`, `Observer`.  Touches: nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from campaign.config.settings import Relay
from campaign.pool.terms import Patience
from campaign.records import State


@dataclass(frozen=True)
class Agreement:
    """What whoever started the run has seen: nothing else may be sent."""

    plan_id: str
    hashes: dict[str, str]  # of what the plan was made from; an amendment has others
    planned: int  # recipients, the settled among them


@dataclass(frozen=True)
class RunOptions:
    """What the command line adds to the campaign."""

    relay_override: Relay | None = None
    agreed: Agreement | None = None  # None: nobody was shown anything
    limit: int | None = None
    no_wait: bool = False
    now: bool = False  # whoever waits for a retry is tried at once
    resume_stale: bool = False
    resolve: Path | None = None  # a relay's log that settles recipients in doubt
    transcript: Path | None = None
    workers: int = 0  # 0: one a core, as far as there are rows for them
    patience: Patience | None = None  # with servers; None: as RFC 5321, 4.5.3.2 asks
    # The last change that everybody has seen who follows the journal; here nobody does.
    seen_by_all: Callable[[], int] = lambda: sys.maxsize


@dataclass(frozen=True)
class RunView:
    """A moment of the run, for the progress line."""

    counts: dict[State, int]
    total: int
    rate_s: float
    left_s: float | None
    waiting_for: str
    connections: int
    stopping: bool


@dataclass(frozen=True)
class RunResult:
    """How the run ended."""

    exit_code: int
    counts: dict[State, int]
    total: int
    in_doubt: list[str]
    seconds: float
    finished: bool
    sentence: str
    unmade: int = 0  # rows of which no letter could be made


class Observer(Protocol):
    """Who watches."""

    def update(self, view: RunView) -> None: ...
    def say(self, line: str) -> None: ...


class Unheard:
    """An observer whose terminal may be gone; a run does not depend on being watched."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def update(self, view: RunView) -> None:
        with suppress(OSError):
            self._observer.update(view)

    def say(self, line: str) -> None:
        with suppress(OSError):
            self._observer.say(line)
