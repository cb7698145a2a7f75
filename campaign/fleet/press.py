"""Letters made in a worker of Dask, for a plan or a check on another host.

In: the files and the spec that letters are made by, batches of jobs.  Out: messages.
Touches: the folder of a bundle, render workers of its own, a thread.
Fails with FleetMismatch where this host has another version of campaign, and as rendering does.

A task is pure: the same jobs give the same messages wherever they are made, so Dask may do a batch
again.  The render workers are kept between tasks, and end when nothing has come for a while or when
they are told to.  They have no keys; the tokens of unsubscribe links come with the jobs.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import pickle
import threading
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from campaign.clock import SystemClock
from campaign.errors import CampaignError
from campaign.fleet.bundle import Bundle, pack
from campaign.fleet.bundles import bundles_folder, hold
from campaign.fleet.cluster import threads_here
from campaign.records import Job, Message
from campaign.rendering.draft import Draft
from campaign.rendering.render import RenderSpec
from campaign.workers import frames
from campaign.workers.pool import RenderPool

_IDLE_S = 30.0  # after which render workers that nobody uses end


class Work(NamedTuple):
    """What letters are made by."""

    bundle: Bundle
    spec: bytes  # pickled, without secrets
    name: str  # SHA-256 of both


def work_of(spec: RenderSpec, files: list[str]) -> Work:
    """`files`: all that letters are made of, relative to the campaign's folder.

    Raises DataError where they cannot be sent.
    """
    bundle = pack(Path(spec.folder).resolve(), files)
    written = pickle.dumps(spec, pickle.HIGHEST_PROTOCOL)
    return Work(bundle, written, hashlib.sha256(bundle.digest.encode() + written).hexdigest())


def meet_here(work: Work, processes: int) -> None:
    """Get ready; `processes` that render, 0: as many as this worker of Dask has threads."""
    _press_of(work, processes or threads_here()).make([], is_check=True)


def press_here(work: Work, processes: int, task: bytes) -> bytes:
    """The messages of a task that `frames.pack_jobs` wrote, as `frames.unpack` reads them."""
    jobs, is_check = frames.unpack_jobs(task)
    made = _press_of(work, processes or threads_here()).make(jobs, is_check=is_check)
    return frames.pack([_draft_of(message) for message in made])


def leave_here(name: str) -> None:
    """End the render workers of this work."""
    with _lock:
        press = _presses.pop(name, None)
    if press:
        press.close()


class RemotePress:
    """Render workers in a loop and a thread of their own."""

    def __init__(self, spec: RenderSpec, processes: int, lock: int) -> None:
        """`lock`: of the bundle whose files these are."""
        self._spec = spec
        self._lock = lock
        self._processes = processes
        self._pool: RenderPool | None = None
        self._opening = asyncio.Lock()
        self._tasks = 0  # under way
        self._idle: asyncio.TimerHandle | None = None
        self._loop = asyncio.new_event_loop()
        # Render workers end with the thread that started them.
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def make(self, jobs: list[Job], *, is_check: bool) -> list[Message]:
        """From any thread.  Raises CampaignError."""
        return asyncio.run_coroutine_threadsafe(self._make(jobs, is_check), self._loop).result()

    def close(self) -> None:
        """End them; tasks under way fail."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        os.close(self._lock)

    async def _make(self, jobs: list[Job], is_check: bool) -> list[Message]:
        self._tasks += 1
        if self._idle:
            self._idle.cancel()
        try:
            pool = await self._opened()
            return await made_by(pool, jobs, is_check=is_check)
        except CampaignError:
            await self._shut()  # for it gives no letters any more
            raise
        finally:
            self._tasks -= 1
            if not self._tasks:
                self._idle = self._loop.call_later(_IDLE_S, self._rest)

    async def _opened(self) -> RenderPool:
        async with self._opening:
            if self._pool is None:
                pool = RenderPool(self._spec, workers=self._processes)
                self._pool = await pool.__aenter__()
            return self._pool

    def _rest(self) -> None:
        self._closing = self._loop.create_task(self._shut())

    async def _shut(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()


async def made_by(pool: RenderPool, jobs: list[Job], *, is_check: bool) -> list[Message]:
    """A batch of any size by all workers of a pool."""
    make = pool.check if is_check else pool.render
    size = pool.batch_rows
    parts = [make(jobs[at : at + size]) for at in range(0, len(jobs), size)]
    return [message for part in await asyncio.gather(*parts) for message in part]


_presses: dict[str, RemotePress] = {}
_lock = threading.Lock()  # a worker of Dask may have several threads


def _press_of(work: Work, processes: int) -> RemotePress:
    with _lock:
        press = _presses.get(work.name)
        if press is None:
            held = hold(work.bundle, bundles_folder(), SystemClock())
            press = _presses[work.name] = RemotePress(
                _moved(pickle.loads(work.spec), held.folder), processes, held.lock
            )
        return press


def _moved(spec: RenderSpec, folder: Path) -> RenderSpec:
    """The same, with its files in another folder."""
    home = str(Path(spec.folder).resolve())

    def moved(paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            str(folder) + path.removeprefix(home) if path.startswith(home) else path
            for path in paths
        )

    return replace(spec, folder=str(folder), private=moved(spec.private), hidden=moved(spec.hidden))


def _draft_of(message: Message) -> Draft:
    pieces: list[bytes | int] = [message.wire] if message.wire else []
    return Draft(
        message.row, pieces, message.size_bytes, message.needs_smtputf8, message.problem,
        message.snapshot,
    )  # fmt: skip
