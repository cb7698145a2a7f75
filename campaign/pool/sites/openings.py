"""Opens the connections of a site, as many at a time as is decent.

In: how many are wanted.  Out: open connections, or why none can be had.  Touches: the network,
through the dial it is given.

Before the first success, and in trouble, it is one attempt at a time: a refused login must not be
hammered by ten, nor a server that is down.  A login that is put off (4xx) is waited for however
long it takes: the server is there.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from campaign.clock import Clock
from campaign.errors import CampaignError, LoginError, RelayError
from campaign.pool.pacing.allowance import Allowance
from campaign.pool.terms import Patience
from campaign.records import Stage
from campaign.smtp.connection import Connection, Line
from campaign.smtp.endpoint import ConnectRefused
from campaign.smtp.replies.verdicts import counts_connections

_OURS = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL)  # file descriptors, ports: none is left


class Openings:
    """The attempts of one site to connect."""

    def __init__(
        self,
        name: str,
        dial: Callable[[], Awaitable[Connection]],
        allowance: Allowance,
        connections: Collection[Line],
        *,
        clock: Clock,
        patience: Patience,
        opened: Callable[[Connection], bool],
        refused: Callable[[ConnectRefused], None],
        failed: Callable[[CampaignError], None],
    ) -> None:
        """`connections`: those the site has.  `opened` says whether it took the new one over;
        `refused` hears of each attempt that came to nothing, `failed` when no more is tried."""
        self.trouble = ""  # why no connection can be had at the moment
        self.is_trial = False  # the next attempt is the last one, if it fails
        self._name = name
        self._dial = dial
        self._allowance = allowance
        self._connections = connections
        self._clock = clock
        self._patience = patience
        self._opened = opened
        self._refused = refused
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._proven = False  # a login succeeded; before that only one connection is tried

    @property
    def is_over(self) -> bool:
        return not self._tasks

    def open(self, demand: int) -> None:
        """So many more connections are wanted; as many as may be are begun."""
        allowance = self._allowance
        most = 1 if self.trouble or not self._proven else allowance.governor.connections
        while demand > 0 and allowance.has_place and len(self._tasks) < most:
            task = asyncio.get_running_loop().create_task(self._open())
            self._tasks.add(task)
            task.add_done_callback(self._ended)
            allowance.connections += 1
            allowance.openings += 1
            demand -= 1

    def succeeded(self) -> None:
        """A connection was opened and is alive: the server is there, the login good."""
        self.trouble = ""
        self.is_trial = False
        self._proven = True

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _open(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(ConnectRefused),
            after=self._learn,
            wait=self._wait_s,
            stop=partial(self._gives_up, self._clock.tick_s()),
            reraise=True,
        )
        try:
            connection: Connection = await retrying(self._dial)
        except (RelayError, LoginError) as error:
            if isinstance(error, ConnectRefused) and self._connections:
                self._go_on_with_these()
            else:
                self.cancel()  # what goes for one goes for all: it is told once
                self._failed(error)
            return
        finally:
            self._leave(task)
        self._allowance.connections += 1
        if not self._opened(connection):
            self._allowance.connections -= 1

    def _leave(self, task: asyncio.Task[None]) -> None:
        """It is not being opened any more."""
        self._tasks.discard(task)
        self._allowance.openings -= 1
        self._allowance.connections -= 1

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task in self._tasks:  # cancelled before it began
            self._leave(task)
        if not task.cancelled():
            task.result()  # a bug in opening a connection is seen by the loop

    def _learn(self, state: RetryCallState) -> None:
        """From each attempt that came to nothing; before it is asked when and whether to go on."""
        error = _error_of(state)
        self.trouble = f"waiting for {self._name}: {error}"
        if self._connections and _asks_for_fewer(error):
            self._go_on_with_these()
        else:
            self._refused(error)

    def _gives_up(self, since_s: float, state: RetryCallState) -> bool:
        if self._has_enough or self.is_trial:
            return True
        if _is_put_off(_error_of(state)):
            return False
        if not self._proven:
            return state.attempt_number >= self._patience.first_tries
        # A server that asks for a rest is not down.
        now_s = self._clock.tick_s()
        resting = self._allowance.governor.wait_s(now_s) > 0
        return not resting and now_s - since_s > self._patience.outage_s

    def _go_on_with_these(self) -> None:
        """What we have but this one is the most that the server, or this machine, gives for now."""
        allowance = self._allowance
        allowance.governor.learn_limit(allowance.connections - 1, self._clock.tick_s())

    def _wait_s(self, state: RetryCallState) -> float:
        rest_s = self._allowance.governor.wait_s(self._clock.tick_s())
        return max(rest_s, float(self._patience.wait(state)))

    @property
    def _has_enough(self) -> bool:
        """Are there connections to go on with, and no place for another?"""
        return bool(self._connections) and self._allowance.is_overbooked


def _error_of(state: RetryCallState) -> ConnectRefused:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, ConnectRefused)  # nothing else is retried
    return error


def _asks_for_fewer(error: ConnectRefused) -> bool:
    crowded = error.reply is not None and counts_connections(error.reply)
    return crowded or _is_put_off(error) or error.errno in _OURS


def _is_put_off(error: ConnectRefused) -> bool:
    """454 and the like to AUTH: the login is neither good nor bad."""
    return error.stage is Stage.AUTH and error.reply is not None
