"""A render worker: a process that turns rows into messages and can do nothing else.

In: on standard input, frames of the pool: the spec, then batches of jobs (pickled).
Out: on standard output, frames: `ready` or what is wrong with the templates, the pieces that all
messages share, then messages; the bytes of these on the shelf whose descriptor is its argument.
Touches: template and attachment files, for reading.

It runs what a template's author wrote, so it has no credentials, no sockets, limits on memory and
CPU time, and can read the campaign's templates and attachments only.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from types import FrameType
from typing import NamedTuple

from campaign.errors import CampaignError, RunawayError
from campaign.rendering.mime.entities import media_types
from campaign.rendering.render import (
    Renderer,
    RenderSpec,
    TracingRenderer,
    readable_paths,
)
from campaign.rendering.requested import Repertoire
from campaign.workers.confinement import (
    allow_cpu,
    end_with_parent,
    limit,
    read_only,
    refuse_files,
)
from campaign.workers.frames import (
    Started,
    framed,
    laid,
    packed,
    read_frames,
    unpack_jobs,
)
from campaign.workers.shelf import Shelf

_LOOKS = 3  # at one step, before it is ended
_START_CPU_S = 30  # to read and compile all templates and encode fixed attachments


class WorkerLimits(NamedTuple):
    """What a worker may use."""

    memory_bytes: int = 1_000_000_000  # address space, with the interpreter (about 100 MB)
    row_s: float = 3.0  # CPU time of one step of one row; then the row is given up
    cpu_s: int = 10  # CPU time of one, after which the worker is killed: C code hears no signal
    wall_s: float = 60.0  # for one batch
    start_s: float = 60.0  # until its templates are compiled


def main() -> None:
    """Serve the pool until it closes the pipe."""
    end_with_parent()
    shelf = Shelf(None)
    for descriptor in map(int, sys.argv[1:]):
        shelf = Shelf.of(descriptor)
        os.close(descriptor)
    frames = read_frames(0)
    told = next(frames, None)
    if told is None:  # started ahead, and nobody came
        return
    limits, spec = pickle.loads(told)
    limit(limits.memory_bytes)
    allow_cpu(_START_CPU_S)
    renderer = _start(spec)
    if renderer is None:
        return
    allow_cpu(limits.cpu_s)
    _StepWatch(renderer, limits)
    for frame in frames:
        jobs, is_check = unpack_jobs(frame)
        try:
            for answer in packed(renderer.drafts(jobs), is_check):
                _write(laid(answer, shelf))
        except CampaignError as error:  # the template's fault, and no longer a row's
            _write(framed(Started(error).written()))
            return
        shelf.turn()


class _StepWatch:
    """Looks, whenever the worker has used some CPU time, whether it is still at the same step.

    A step that takes longer than a row may is ended by a RunawayError, which has the line of the
    template; a worker that does not hear of it, deep in C code, is killed by RLIMIT_CPU.
    """

    def __init__(self, renderer: Renderer | Repertoire, limits: WorkerLimits) -> None:
        self._renderer = renderer
        self._limits = limits
        self._progress = 0
        self._looked = 0  # times since the last step ended
        signal.signal(signal.SIGPROF, self._look)
        tick_s = limits.row_s / _LOOKS
        signal.setitimer(signal.ITIMER_PROF, tick_s, tick_s)

    def _look(self, _number: int, _frame: FrameType | None) -> None:
        if self._renderer.progress != self._progress:
            self._progress = self._renderer.progress
            self._looked = 0
            allow_cpu(self._limits.cpu_s)
            return
        self._looked += 1
        if self._looked > _LOOKS:
            self._looked = 0
            raise RunawayError(
                f"it takes more than {self._limits.row_s:g} s of processor time for one recipient"
            )


def _start(spec: RenderSpec) -> Renderer | Repertoire | None:
    media_types()  # reads files that are out of reach from here on
    try:
        if not read_only(readable_paths(spec), spec.hidden) and spec.hidden:
            refuse_files(spec.hidden)
        renderer = _renderer(spec)
    except CampaignError as error:
        _write(framed(Started(error).written()))
        return None
    _write(framed(Started(None, len(renderer.shared)).written()))
    for piece in renderer.shared:
        _write(framed(piece))
    return renderer


def _renderer(spec: RenderSpec) -> Renderer | Repertoire:
    if spec.letters:
        return Repertoire(spec)
    return TracingRenderer(spec) if spec.is_traced else Renderer(spec)


def _write(frame: bytes) -> None:
    left = memoryview(frame)
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    main()
