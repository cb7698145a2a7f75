"""Messages of a queue become letters; each is acknowledged when it is one, or is dead.

In: a source of messages, the intake.  Out: letters, dead letters, acknowledgements.
Touches: the intake, the broker, the store of dead letters.

A message is JSON as the API takes it.  The order is the promise: the letter (or the dead letter) is
durable first, then the broker is told.  Whoever is killed between the two gets the message again,
and its key, the broker's or the application's, is that of the letter that is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from pydantic import ValidationError

from campaign.clock import Clock
from campaign.errors import (
    BacklogFullError,
    BadLetterError,
    JournalError,
    KeyConflictError,
    SuppressionError,
)
from campaign.intake.api.models import MessageIn
from campaign.intake.queues.deadletters import DeadLetter, DeadLetters
from campaign.intake.queues.source import ANSWER_S, PREFETCH, BrokerLost, QueueMessage, QueueSource
from campaign.intake.requests import KEY_MAX, AcceptedRequest, LetterRequest
from campaign.intake.troubles import Troubles

TRIES_MAX = 5
_TROUBLE_S = 5.0  # until the journal is asked again
_WAITS_S = (1.0, 2.0, 5.0, 10.0, 30.0)  # for a broker
NO_KEY = (
    "it has no id: neither the broker nor an Idempotency-Key header says which message it is, so"
    " a repeat could not be told from a second letter"
)


class LetterIntake(Protocol):
    """The intake, as far as it is used here."""

    async def accept(self, request: LetterRequest, /) -> AcceptedRequest: ...


class QueueConsumer:
    """`await QueueConsumer(...).run(stopping)`; `count` is told what became of each message."""

    def __init__(
        self,
        source: QueueSource,
        name: str,
        intake: LetterIntake,
        store: DeadLetters,
        clock: Clock,
        *,
        say: Callable[[str], None],
        count: Callable[[str], None] = lambda outcome: None,
        trouble_s: float = _TROUBLE_S,
    ) -> None:
        self._source = source
        self._name = name
        self._intake = intake
        self._store = store
        self._clock = clock
        self._say = say
        self._count = count
        self._trouble_s = trouble_s
        self._troubles = Troubles(lambda sentence: say(f"{name}: {sentence}"), clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._lost: BrokerLost | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Take messages until told to stop; a broker that is away is waited for."""
        failures = 0
        while not stopping.is_set():
            try:
                await self._source.open()
                if failures:
                    self._say(f"{self._name}: the broker is there again")
                failures = 0
                await self._take_all(stopping)
            except BrokerLost as error:
                wait_s = _WAITS_S[min(failures, len(_WAITS_S) - 1)]
                failures += 1
                self._say(f"{self._name}: {error}; it is tried again in {wait_s:g} s")
                await _is_told(stopping, wait_s)
            finally:
                # What is being kept is kept; what was not is handed out again.
                if self._tasks:
                    await asyncio.wait(self._tasks)
                self._lost = None
                with suppress(TimeoutError):  # who has fallen silent ends no connection in order
                    async with asyncio.timeout(ANSWER_S):
                        await self._source.close()

    async def _take_all(self, stopping: asyncio.Event) -> None:
        messages = self._source.messages()
        stopped = asyncio.ensure_future(stopping.wait())
        try:
            while True:
                coming = asyncio.ensure_future(anext(messages))
                await asyncio.wait({coming, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    coming.cancel()
                    await asyncio.gather(coming, return_exceptions=True)
                    return
                message = coming.result()
                if self._lost:
                    raise self._lost
                while len(self._tasks) >= PREFETCH:
                    await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                task = asyncio.create_task(self._handle(message, stopping))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        finally:
            stopped.cancel()

    async def _handle(self, message: QueueMessage, stopping: asyncio.Event) -> None:
        if not await self._become_durable(message, stopping):
            return  # it is handed out again, when we are there again
        try:
            await self._source.acknowledge(message)
        except BrokerLost as error:
            self._lost = error

    async def _become_durable(self, message: QueueMessage, stopping: asyncio.Event) -> bool:
        """A letter or a dead letter; False where we were told to stop before it was either."""
        reason = "" if message.key else NO_KEY
        tries = 0
        if message.is_again and not reason:
            tries = await asyncio.to_thread(self._store.tried, self._name, message.key) - 1
        while not reason:
            if tries >= TRIES_MAX:
                reason = f"it was handed out {tries} times and became no letter"
                break
            try:
                await self._intake.accept(letter_of(message, self._name))
                if message.is_again:
                    await asyncio.to_thread(self._store.done, self._name, message.key)
                self._count("letter")
                return True
            except BacklogFullError as error:
                self._troubles.note(error)
                if await _is_told(stopping, error.retry_after_s):
                    return False
            except (JournalError, SuppressionError) as error:
                self._troubles.note(error)
                if await _is_told(stopping, self._trouble_s):
                    return False
            except ValidationError as error:
                reason = sentence_of(error)
            except (BadLetterError, KeyConflictError) as error:
                reason = str(error)
            except Exception as error:  # of ours, and perhaps because of this very message
                tries = await asyncio.to_thread(self._store.tried, self._name, message.key)
                if tries >= TRIES_MAX:
                    reason = f"after {tries} tries: {error!r}"
        await self._bury(message, reason)
        return True

    async def _bury(self, message: QueueMessage, reason: str) -> None:
        now_s = self._clock.now_s()
        body = message.body.decode("latin-1")
        id_ = message.key or f"none {now_s!r} {hash(message.body)}"
        letter = DeadLetter(self._name, id_, body, reason, now_s)
        await asyncio.to_thread(self._store.bury, letter)
        self._count("dead")
        self._say(f"{self._name}: message {id_} is a dead letter: {reason}")


def letter_of(message: QueueMessage, name: str) -> LetterRequest:
    """Raises ValidationError for what is not a message of the API, BadLetterError for its key."""
    if len(message.key) > KEY_MAX:
        raise BadLetterError(f"its key is longer than {KEY_MAX} characters")
    asked = MessageIn.model_validate_json(message.body)
    return asked.request(key=message.key, scope=f"queue {name}", templates=())


def sentence_of(error: ValidationError) -> str:
    """Its first fault, with the field."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])


async def _is_told(stopping: asyncio.Event, seconds: float) -> bool:
    """Whether we are told to stop within the time."""
    try:
        async with asyncio.timeout(seconds):
            return await stopping.wait()
    except TimeoutError:
        return False
