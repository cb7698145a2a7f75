"""Opens the connections of a site, as many at a time as is decent.

In: how many are wanted.  Out: open connections, or why none can be had.  Touches: the network,
through the dial it is given.

Before the first success, and in trouble, it is one attempt at a time: a refused login must not be
hammered by ten, nor a server that is down.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from campaign.clock import Clock
from campaign.errors import CampaignError, LoginError, RelayError
from campaign.smtp.allowance import Allowance
from campaign.smtp.connection import Connection
from campaign.smtp.endpoint import ConnectRefused
from campaign.smtp.terms import Patience

_OURS = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL)  # file descriptors, ports: none is left


class Openings:
    """The attempts of one site to connect."""

    def __init__(
        self,
        name: str,
        dial: Callable[[], Awaitable[Connection]],
        allowance: Allowance,
        connections: Collection[Connection],
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
            task.add_done_callback(_surface)
            allowance.connections += 1
            allowance.openings += 1
            demand -= 1

    def succeeded(self) -> None:
        """A connection was opened and is alive: the server is there, the login good."""
        self.trouble = ""
        self._proven = True

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _open(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        allowance = self._allowance
        connection: Connection | None = None
        try:
            retrying = AsyncRetrying(
                retry=retry_if_exception_type(ConnectRefused),
                wait=self._wait_s,
                stop=partial(self._gives_up, self._clock.tick_s()),
                reraise=True,
            )
            connection = await retrying(self._dial)
        except asyncio.CancelledError:
            return
        except (RelayError, LoginError) as error:
            if isinstance(error, ConnectRefused) and self._connections:
                allowance.governor.learn_limit(len(self._connections))
            else:
                self._failed(error)
            return
        finally:
            self._tasks.discard(task)
            allowance.openings -= 1
            if connection is None:
                allowance.connections -= 1
        assert connection is not None
        if not self._opened(connection):
            allowance.connections -= 1

    def _gives_up(self, since_s: float, state: RetryCallState) -> bool:
        """After each failed attempt: learn from it, and decide about another."""
        error = state.outcome.exception() if state.outcome else None
        self.trouble = f"waiting for {self._name}: {error}"
        governor = self._allowance.governor
        if isinstance(error, ConnectRefused):
            if error.errno in _OURS:  # what we have is the most this machine gives
                governor.learn_limit(len(self._connections))
            self._refused(error)
        if self._has_enough:
            return True
        if not self._proven:
            return state.attempt_number >= self._patience.first_tries
        # A server that asks for a rest is not down.
        now_s = self._clock.tick_s()
        return not governor.wait_s(now_s) and now_s - since_s > self._patience.outage_s

    def _wait_s(self, state: RetryCallState) -> float:
        rest_s = self._allowance.governor.wait_s(self._clock.tick_s())
        return max(rest_s, float(self._patience.wait(state)))

    @property
    def _has_enough(self) -> bool:
        """Are there connections to go on with, and no place for another?"""
        return bool(self._connections) and self._allowance.is_overbooked


def _surface(task: asyncio.Task[None]) -> None:
    """A bug in opening a connection must be seen, not waited for."""
    if not task.cancelled() and (error := task.exception()):
        raise error
