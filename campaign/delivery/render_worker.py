"""A render worker: a process that turns rows into messages and can do nothing else.

In: on standard input, frames of the pool: the spec, then batches of jobs (pickled).
Out: on standard output, frames: `ready` or what is wrong with the templates, then messages.
Touches: template and attachment files, for reading.

It runs what a template's author wrote, so it has no credentials, no sockets, a limit on memory
and on CPU time, and what it says is plain lengths and bytes: the process that holds the secrets
never unpickles anything from here.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

from campaign.errors import CampaignError, ConfigError, RenderError
from campaign.records import Job, Message
from campaign.rendering.render import Renderer, RenderSpec

LENGTH = struct.Struct("<I")  # before every frame
ENTRY = struct.Struct("<IIBI")  # bytes of wire, size, SMTPUTF8 or not, bytes of the problem
_FRAME_BYTES = 500_000  # messages are handed over when so much is ready: it fits into the pipe
_PR_SET_PDEATHSIG = 1
_STREAM_MAX = 1_000_000  # bytes it may write into any file (its stderr)


class Limits(NamedTuple):
    """What a worker may use."""

    memory_bytes: int = 1_000_000_000  # address space, with the interpreter (about 100 MB)
    cpu_s: int = 30  # for one batch
    wall_s: float = 60.0  # for one batch
    start_s: float = 60.0  # until its templates are compiled


def main() -> None:
    """Serve the pool until it closes the pipe."""
    _confine()
    frames = _frames(0)
    limits, spec = pickle.loads(next(frames))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    renderer = _start(spec, limits)
    if renderer is None:
        return
    for frame in frames:
        _allow_cpu(limits.cpu_s)
        _serve(renderer, [Job(*job) for job in pickle.loads(frame)])


def pack(messages: list[Message]) -> bytes:
    """Messages as one frame: a count, an entry for each, then all bytes."""
    entries: list[bytes] = []
    blobs: list[bytes] = []
    for _, wire, size_bytes, needs_smtputf8, problem in messages:
        why = problem.encode("utf-8", "backslashreplace")
        entries.append(ENTRY.pack(len(wire), size_bytes, needs_smtputf8, len(why)))
        blobs += (wire, why)
    body = b"".join([LENGTH.pack(len(messages)), *entries, *blobs])
    return LENGTH.pack(len(body)) + body


def unpack(frame: memoryview, jobs: list[Job]) -> list[Message]:
    """The inverse of `pack`, for the first jobs of a list.  Raises ValueError for nonsense."""
    try:
        (count,) = LENGTH.unpack_from(frame)
        at = LENGTH.size + count * ENTRY.size
        entries = ENTRY.iter_unpack(frame[LENGTH.size : at])
    except struct.error:
        raise ValueError("not a frame of messages") from None
    messages = []
    for job, (wire_len, size_bytes, needs_smtputf8, why_len) in zip(jobs, entries, strict=False):
        middle = at + wire_len
        end = middle + why_len
        why = str(frame[middle:end], "utf-8") if why_len else ""
        messages.append(
            Message(job.row, bytes(frame[at:middle]), size_bytes, bool(needs_smtputf8), why)
        )
        at = end
    if at != len(frame) or len(messages) != count:
        raise ValueError("a frame of messages with wrong lengths")
    return messages


def _start(spec: RenderSpec, limits: Limits) -> Renderer | None:
    """Compile the templates; they run code already while constants are folded."""
    _allow_cpu(limits.cpu_s)
    try:
        renderer = Renderer(spec)
    except CampaignError as error:
        kind = "config" if isinstance(error, ConfigError) else "template"
        said = {"kind": kind, "what": error.what, "file": error.file, "line": error.line,
                "remedy": error.remedy}  # fmt: skip
        _send_json(said)
        return None
    _send_json({"kind": "ready"})
    return renderer


def _serve(renderer: Renderer, jobs: list[Job]) -> None:
    ready: list[Message] = []
    waiting = 0
    for job in jobs:
        try:
            message = renderer.render(job)
        except RenderError as error:
            message = Message(job.row, b"", 0, False, f"render: {error}")
        ready.append(message)
        waiting += len(message.wire)
        if waiting >= _FRAME_BYTES:
            _send(pack(ready))
            ready, waiting = [], 0
    if ready:
        _send(pack(ready))


def _confine() -> None:
    """Die with the parent, ignore the terminal's signals, start no process, dump no core."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the pool ends us by closing the pipe
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_STREAM_MAX, _STREAM_MAX))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _allow_cpu(seconds: int) -> None:
    """Move the soft limit: what was used so far, and `seconds` more; then SIGXCPU kills."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, hard))


def _frames(descriptor: int) -> Iterator[bytes]:
    while True:
        head = _read(descriptor, LENGTH.size)
        if not head:
            return
        yield _read(descriptor, LENGTH.unpack(head)[0])


def _read(descriptor: int, size: int) -> bytes:
    """Exactly `size` bytes; fewer only when the pool has closed the pipe."""
    parts = []
    while size:
        part = os.read(descriptor, size)
        if not part:
            return b""
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _send_json(said: dict[str, object]) -> None:
    data = json.dumps(said).encode()
    _send(LENGTH.pack(len(data)) + data)


def _send(frame: bytes) -> None:
    left = memoryview(frame)
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    main()
