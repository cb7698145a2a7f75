"""Tells endpoints what waits for them: in order for each letter, again and again for three days.

In: a campaign, its outbox.  Out: POSTs.  Touches: the outbox, the journal (read-only), the network.
Fails with JournalError, WebhookError, ConfigErrors for secrets.

Each endpoint has a task of its own, so a slow one holds up nobody else.  Its notices go in
*strings*, one for each letter: within one the next goes when the one before was taken.  One thread
does all that the databases ask for.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.config.secrets import read_secret
from campaign.config.settings import Webhook
from campaign.config.wording import Mistake
from campaign.errors import (
    CampaignError,
    ConfigError,
    ConfigErrors,
    JournalError,
    SuppressionError,
    WebhookError,
)
from campaign.webhooks.outbox import LEASE_S, EndpointRow, Outbox, Waiting, endpoint_of
from campaign.webhooks.patience import (
    GIVEN_UP_AFTER_S,
    IS_UNWELL_AFTER,
    endpoint_rest_s,
    notice_wait_s,
)
from campaign.webhooks.posting import HookReply, Poster, PostError
from campaign.webhooks.signature import read_key, signed_fields
from campaign.webhooks.source import NoticeSource, register

_EVERY_S = 0.5  # the journal is looked at
_TROUBLE_S = 5.0  # until a database that does not answer is asked again
_AT_ONCE = 8  # requests to one endpoint
_BATCH = 256  # notices between two commits of the outbox
_GONE = 410  # "the endpoint is no longer there": the Standard Webhooks ask to disable it
_ASKS_FOR_REST = frozenset({429, 502, 503, 504})
_Value = TypeVar("_Value")


def keys_of(campaign: Campaign) -> dict[str, list[bytes]]:
    """The secrets of each endpoint, by its url.  Raises ConfigErrors."""
    keys: dict[str, list[bytes]] = {}
    mistakes = []
    for index, webhook in enumerate(campaign.settings.webhook):
        of_this = keys.setdefault(webhook.url, [])
        for number, secret in enumerate(webhook.secret):
            try:
                of_this.append(read_key(read_secret(secret, campaign.folder)))
            except ConfigError as error:
                path = ("webhook", index, "secret", number)
                mistakes.append(Mistake(path, f"secret: {error.what}", error.remedy))
    if mistakes:
        raise ConfigErrors(campaign.placed(mistakes))
    return keys


class HookCourier:
    """`await HookCourier(...).run(...)`; `leave` ends a run that goes on."""

    def __init__(
        self,
        campaign: Campaign,
        clock: Clock,
        *,
        poster: Callable[[Webhook], Poster] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._campaign = campaign
        self._clock = clock
        self._poster = poster or _poster_of
        self._chance = chance
        self._keys = keys_of(campaign)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._holder = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"
        self._holds = False  # the right to tell
        self._outbox: Outbox | None = None
        self._source: NoticeSource | None = None
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """End soon: what the journal holds by now is told once more, nothing is waited for."""
        self._leaving.set()

    async def run(self, *, follow: bool) -> bool:
        """Tell what is there; with `follow` go on until `leave`.  False: another process tells."""
        try:
            await self._in_thread(self._open)
            while not await self._in_thread(self._hold):
                if not follow or await self._is_left_within(LEASE_S / 2):
                    return False
            renewing = asyncio.create_task(self._renew())
            try:
                async with asyncio.TaskGroup() as group:
                    for webhook in self._campaign.settings.webhook:
                        group.create_task(self._tell(webhook, follow=follow))
            finally:
                renewing.cancel()
                await asyncio.gather(renewing, return_exceptions=True)
            return True
        except ExceptionGroup as group_error:  # the first says what is wrong; the others follow it
            raise group_error.exceptions[0] from None
        finally:
            await self._in_thread(self._close)
            self._thread.shutdown()

    # ---- one endpoint

    async def _tell(self, webhook: Webhook, *, follow: bool) -> None:
        poster = self._poster(webhook)
        endpoint = endpoint_of(webhook.url)
        try:
            while True:
                is_last = self._leaving.is_set()
                try:
                    standing, waiting, more = await self._in_thread(partial(self._look, webhook))
                    chosen = self._chosen(standing, waiting) if self._holds else []
                    if chosen:
                        await self._round(webhook, endpoint, poster, standing, chosen)
                        continue
                except (JournalError, SuppressionError, WebhookError):
                    if not follow or is_last:
                        raise
                    await self._is_left_within(_TROUBLE_S)
                    await self._in_thread(self._reopen)
                    continue
                if not more:
                    if not follow or is_last:
                        return
                    await self._is_left_within(_EVERY_S)
        finally:
            poster.close()

    def _chosen(self, standing: EndpointRow, waiting: list[Waiting]) -> list[list[Waiting]]:
        """What may go now, as strings."""
        now_s = self._clock.now_s()
        strings: dict[int, list[Waiting]] = {}
        for notice in waiting:
            strings.setdefault(notice.row, []).append(notice)
        due = [string for string in strings.values() if string[0].due <= now_s]
        if standing.rests_until:  # it was unwell: one asks, and not always the same
            due.sort(key=lambda string: (string[0].tries, string[0].number))
            return [due[0][:1]] if due else []
        chosen = []
        left = _BATCH
        for string in due:
            if left <= 0:
                break
            chosen.append(string[:left])
            left -= len(string)
        return chosen

    async def _round(
        self,
        webhook: Webhook,
        endpoint: str,
        poster: Poster,
        standing: EndpointRow,
        strings: list[list[Waiting]],
    ) -> None:
        """Tell these, and note what became of them."""
        taken: list[int] = []
        failed: list[tuple[Waiting, HookReply | PostError]] = []
        left = iter(strings)

        async def work() -> None:
            for string in left:
                for notice in string:
                    if len(failed) >= IS_UNWELL_AFTER and not taken:
                        return
                    answer = await self._post(webhook, poster, notice)
                    if isinstance(answer, HookReply) and answer.is_taken:
                        taken.append(notice.number)
                        continue
                    failed.append((notice, answer))
                    break

        await asyncio.gather(*(work() for _ in range(min(_AT_ONCE, len(strings)))))
        await self._in_thread(partial(self._note, endpoint, standing, taken, failed))

    async def _post(
        self, webhook: Webhook, poster: Poster, notice: Waiting
    ) -> HookReply | PostError:
        body = notice.body.encode()
        keys = self._keys[webhook.url]
        try:
            return await poster.post(
                signed_fields(notice.id, self._clock.now_s(), body, keys), body
            )
        except PostError as error:
            return error

    # ---- in the thread

    def _open(self) -> None:
        self._outbox = Outbox.open(*self._campaign.journal)
        self._source = NoticeSource(self._campaign, self._outbox, self._clock)
        register(self._campaign, self._outbox, self._clock)

    def _close(self) -> None:
        if self._source:
            self._source.close()
        if self._outbox:
            self._outbox.let_go(self._holder)
            self._outbox.close()

    def _reopen(self) -> None:
        """After trouble with a database; what is still in trouble is met at the next look."""
        with suppress(CampaignError):
            self._close()
        with suppress(JournalError, SuppressionError, WebhookError):
            self._open()

    def _hold(self) -> bool:
        self._holds = self._box.hold(self._holder, self._clock.now_s())
        return self._holds

    @property
    def _box(self) -> Outbox:
        assert self._outbox is not None, "opened first"
        return self._outbox

    def _look(self, webhook: Webhook) -> tuple[EndpointRow, list[Waiting], bool]:
        """Take in what is new; how it stands, what waits, whether there is more."""
        assert self._source is not None, "opened first"
        more = self._source.fill(webhook)
        endpoint = endpoint_of(webhook.url)
        (standing,) = self._box.standings(endpoint)
        is_asked = not standing.disabled_at and standing.rests_until <= self._clock.now_s()
        return standing, self._box.waiting(endpoint) if is_asked else [], more

    def _note(
        self,
        endpoint: str,
        standing: EndpointRow,
        taken: list[int],
        failed: list[tuple[Waiting, HookReply | PostError]],
    ) -> None:
        box, now_s = self._box, self._clock.now_s()
        for notice, answer in failed:
            box.refused(endpoint, notice.number, _said(answer), self._due(notice, now_s), now_s)
        if taken:
            box.told(endpoint, taken, now_s)
            if standing.rests_until:
                box.recovered(endpoint)
            return
        (now,) = box.standings(endpoint)
        if any(isinstance(answer, HookReply) and answer.status == _GONE for _, answer in failed):
            box.disable(endpoint, "it says 410: it wants to be told nothing more", now_s)
        elif now.failing_since and now_s - now.failing_since >= GIVEN_UP_AFTER_S:
            box.disable(endpoint, f"it took nothing for three days: {now.said}", now_s)
        elif standing.rests_until or _is_unwell(failed, now.failures):
            rests = max(1, now.failures - IS_UNWELL_AFTER + 1)
            asked_s = max(
                (each.retry_after_s for _, each in failed if isinstance(each, HookReply)),
                default=0.0,
            )
            box.rest(endpoint, now_s + endpoint_rest_s(rests, self._chance(), asked_s))

    def _due(self, notice: Waiting, now_s: float) -> float | None:
        """When it is tried again; None where it was tried for three days."""
        wait_s = notice_wait_s(notice.tries + 1, self._chance())
        return None if wait_s is None else now_s + wait_s

    # ---- inside

    async def _in_thread(self, work: Callable[[], _Value]) -> _Value:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            with suppress(WebhookError):
                await self._in_thread(self._hold)

    async def _is_left_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._leaving.wait()
        return self._leaving.is_set()


def _poster_of(webhook: Webhook) -> Poster:
    return Poster(webhook.url, allow_private=webhook.allow_private)


def _said(answer: HookReply | PostError) -> str:
    if isinstance(answer, PostError):
        return str(answer)
    if 300 <= answer.status < 400:
        return f"it says {answer.status}, and redirects are not followed"
    return f"it says {answer.status}" + (f": {answer.said}" if answer.said else "")


def _is_unwell(failed: list[tuple[Waiting, HookReply | PostError]], failures: int) -> bool:
    """Whether the endpoint is the trouble and not what it was told."""
    return failures >= IS_UNWELL_AFTER or any(
        isinstance(answer, PostError) or answer.status in _ASKS_FOR_REST for _, answer in failed
    )
