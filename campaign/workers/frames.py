"""The words between a render worker and its pool.

In: jobs and drafts.  Out: frames of bytes, and jobs and messages from them.  Touches: nothing.

A frame is its length and then its bytes, or only its length with a mark if the bytes are on the
shelf that both share.  What comes from a worker is plain lengths and bytes, all of them checked:
nothing of it is ever unpickled.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from campaign.errors import CampaignError, ConfigError, TemplateError
from campaign.records import Job, Message
from campaign.rendering.draft import Draft
from campaign.workers.shelf import Shelf

LENGTH = struct.Struct("<I")  # before every frame
# pieces, size, SMTPUTF8 or not, bytes of the problem, bytes of the snapshot
_ENTRY = struct.Struct("<II?IB")
_FRAME_BYTES = 60_000  # messages are handed over when so much is ready: it stays in the caches
_ON_SHELF = 1 << 31  # marks the length of a frame whose bytes are there
_SHARED = 1 << 31  # marks the number of a shared piece among the lengths of the others


def framed(payload: bytes) -> bytes:
    """A payload as a frame."""
    return LENGTH.pack(len(payload)) + payload


def laid(payload: bytes, shelf: Shelf) -> bytes:
    """The frame of a payload that lies on the shelf if there is room for it."""
    return LENGTH.pack(_ON_SHELF | len(payload)) if shelf.lay(payload) else framed(payload)


_FAULT = b'{"fault":'  # no frame of messages begins so: their number would be 1.6 billion


class Started(NamedTuple):
    """The first word of a worker: what is wrong, or how many shared pieces follow.

    What is wrong may also be its last word, in place of messages.
    A signer has no pieces, but notes for whoever sends.
    """

    fault: CampaignError | None
    shared: int = 0
    notes: Sequence[str] = ()

    def written(self) -> bytes:
        """As JSON."""
        fault = self.fault
        if fault is None:
            return json.dumps({"shared": self.shared, "notes": [*self.notes]}).encode()
        is_config = isinstance(fault, ConfigError)
        said = [is_config, fault.what, fault.file, fault.line, fault.remedy]
        return json.dumps({"fault": said}).encode()

    @staticmethod
    def is_fault(frame: memoryview) -> bool:
        """A frame that stands in place of messages."""
        return bytes(frame[: len(_FAULT)]) == _FAULT

    @classmethod
    def read(cls, frame: memoryview) -> Started:
        """The inverse.  Raises ValueError for nonsense."""
        try:
            match json.loads(bytes(frame)):
                case {"shared": int(count), "notes": [*notes]}:
                    return cls(None, count, [str(note) for note in notes])
                case {"fault": [bool(is_config), str(what), str(file), int(line), str(remedy)]}:
                    kind = ConfigError if is_config else TemplateError
                    return cls(kind(what, file=file, line=line, remedy=remedy))
        except RecursionError:
            pass
        raise ValueError("the worker's first word is not understood")


def read_frames(descriptor: int) -> Iterator[bytes]:
    """The payloads of a pipe that is waited for, until it ends; what is cut off is not given."""
    while head := _read(descriptor, LENGTH.size):
        (size,) = LENGTH.unpack(head)
        payload = _read(descriptor, size)
        if len(payload) < size:
            return
        yield payload


def _read(descriptor: int, size: int) -> bytes:
    """Exactly `size` bytes; none when the pipe ends before."""
    parts = []
    while size:
        part = os.read(descriptor, size)
        if not part:
            return b""
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class FrameReader:
    """Frames out of the bytes that a pipe gives, however it cuts them."""

    def __init__(self, capacity: int, largest: int, shelf: Shelf) -> None:
        self._buffer = bytearray(capacity)
        self._largest = largest
        self._shelf = shelf
        self._filled = 0

    def room(self) -> memoryview:
        """Where the next bytes are to be read into; never empty."""
        return memoryview(self._buffer)[self._filled :]

    def frames(self, count: int) -> Iterator[memoryview]:
        """The payloads that are whole, now that `count` more bytes were read.

        Each is good until the next is asked for.  Raises ValueError for one that is too large.
        """
        self._filled += count
        at = 0
        view = memoryview(self._buffer)
        while self._filled - at >= LENGTH.size:
            start = at + LENGTH.size
            (size,) = LENGTH.unpack_from(view, at)
            if size & _ON_SHELF:
                yield self._shelf.take(size ^ _ON_SHELF)
                at = start
                continue
            end = start + size
            if end - at > self._largest:
                raise ValueError(f"a frame of {end - at} bytes")
            if end > self._filled:
                if end - at > len(self._buffer):
                    self._buffer = bytearray(end - at)
                break
            yield view[start:end]
            at = end
        if at or len(self._buffer) > len(view):
            rest = bytes(view[at : self._filled])
            memoryview(self._buffer)[: len(rest)] = rest
            self._filled = len(rest)


def pack_jobs(jobs: Sequence[Job], is_check: bool, token_of: Callable[[Job], str]) -> bytes:
    """The payload that asks a worker for letters, or only whether they can be made.

    `token_of`: from a job the unsubscribe token, which a worker cannot make.
    """
    rows = [
        (job.row, job.source, job.address, job.key, job.data, job.snapshot, job.repeat,
         token_of(job), job.date_s)
        for job in jobs
    ]  # fmt: skip
    return pickle.dumps((rows, is_check), pickle.HIGHEST_PROTOCOL)


def unpack_jobs(frame: bytes) -> tuple[list[Job], bool]:
    """The inverse; a worker trusts its pool."""
    rows, is_check = pickle.loads(frame)
    return [Job(*row) for row in rows], is_check


def packed(drafts: Iterable[Draft], is_check: bool) -> Iterator[bytes]:
    """Payloads of drafts, each as soon as there is enough for one."""
    ready: list[Draft] = []
    waiting = 0
    for draft in drafts:
        ready.append(draft.with_pieces([]) if is_check else draft)
        waiting += ready[-1].own_bytes
        if waiting >= _FRAME_BYTES:
            yield pack(ready)
            ready, waiting = [], 0
    if ready:
        yield pack(ready)


def pack(drafts: Sequence[Draft]) -> bytes:
    """The payload of drafts: a count, an entry for each, the lengths of all pieces, the bytes."""
    entries: list[bytes] = []
    lengths: list[int] = []
    blobs: list[bytes] = []
    for draft in drafts:
        pieces = draft.pieces
        why = draft.problem.encode("utf-8", "backslashreplace")
        mark = bytes.fromhex(draft.snapshot)
        entries.append(
            _ENTRY.pack(len(pieces), draft.size_bytes, draft.needs_smtputf8, len(why), len(mark))
        )
        for piece in pieces:
            if isinstance(piece, int):
                lengths.append(_SHARED | piece)
            else:
                lengths.append(len(piece))
                blobs.append(piece)
        if why or mark:
            blobs += (why, mark)
    table = struct.pack(f"<{len(lengths)}I", *lengths)
    return b"".join((LENGTH.pack(len(drafts)), *entries, table, *blobs))


def unpack(frame: memoryview, jobs: Sequence[Job], shared: Sequence[bytes]) -> list[Message]:
    """The messages of `pack`, for the first of the jobs.  Raises ValueError for nonsense."""
    try:
        return _unpack(frame, jobs, shared)
    except (struct.error, IndexError):
        raise ValueError("not a frame of messages") from None


def _unpack(frame: memoryview, jobs: Sequence[Job], shared: Sequence[bytes]) -> list[Message]:
    (count,) = LENGTH.unpack_from(frame)
    if count > len(jobs):
        raise ValueError("more messages than jobs")
    table_at = LENGTH.size + count * _ENTRY.size
    entries = list(_ENTRY.iter_unpack(frame[LENGTH.size : table_at]))
    total = sum(entry[0] for entry in entries)
    lengths = struct.unpack_from(f"<{total}I", frame, table_at)
    at = table_at + 4 * total
    taken = 0
    messages = []
    for job, (pieces, size_bytes, needs_smtputf8, why_len, mark_len) in zip(
        jobs, entries, strict=False
    ):
        parts: list[bytes] = []
        for length in lengths[taken : taken + pieces]:
            if length & _SHARED:
                parts.append(shared[length ^ _SHARED])
            else:
                parts.append(bytes(frame[at : at + length]))
                at += length
        taken += pieces
        wire = parts[0] if pieces == 1 else b"".join(parts)
        why = mark = ""
        if why_len or mark_len:
            why = str(frame[at : at + why_len], "utf-8")
            mark = frame[at + why_len : at + why_len + mark_len].hex()
            at += why_len + mark_len
        messages.append(Message(job.row, wire, size_bytes, needs_smtputf8, why, mark))
    if at != len(frame):
        raise ValueError("a frame of messages with wrong lengths")
    return messages
