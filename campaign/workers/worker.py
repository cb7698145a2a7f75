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
import sys
from typing import NamedTuple

from campaign.errors import CampaignError
from campaign.rendering.render import (
    Renderer,
    RenderSpec,
    TracingRenderer,
    readable_paths,
)
from campaign.workers.confinement import allow_cpu, end_with_parent, limit, read_only
from campaign.workers.frames import (
    Started,
    framed,
    laid,
    packed,
    read_frames,
    unpack_jobs,
)
from campaign.workers.shelf import Shelf


class Limits(NamedTuple):
    """What a worker may use."""

    memory_bytes: int = 1_000_000_000  # address space, with the interpreter (about 100 MB)
    cpu_s: int = 30  # for one batch
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
    allow_cpu(limits.cpu_s)  # compiling runs the author's code already: constants are folded
    renderer = _start(spec)
    if renderer is None:
        return
    for frame in frames:
        allow_cpu(limits.cpu_s)
        jobs, is_check = unpack_jobs(frame)
        for answer in packed(renderer.drafts(jobs), is_check):
            _write(laid(answer, shelf))
        shelf.turn()


def _start(spec: RenderSpec) -> Renderer | None:
    try:
        read_only(readable_paths(spec))
        renderer = TracingRenderer(spec) if spec.is_traced else Renderer(spec)
    except CampaignError as error:
        _write(framed(Started(error).written()))
        return None
    _write(framed(Started(None, len(renderer.shared)).written()))
    for piece in renderer.shared:
        _write(framed(piece))
    return renderer


def _write(frame: bytes) -> None:
    left = memoryview(frame)
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    main()
