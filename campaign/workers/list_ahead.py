"""The list, read and cleaned by a process of its own while ours loads its libraries and inserts.

In: the campaign folder and [recipients].  Out: `CleanRows`, in the order of the files.
Touches: the list files, a child process and its pipe.

The child is a fork, made before there are threads or an open journal.  It reads ahead until a
certain number of bytes wait for us; what it finds wrong with a list is raised here, in place of
the rows.
"""

from __future__ import annotations

import gc
import marshal
import os
import pickle
import select
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from campaign.config.settings import Recipients
from campaign.errors import CampaignError
from campaign.recipients.cleaning import clean
from campaign.recipients.readers import read_lists
from campaign.records import Entry, Source
from campaign.workers.confinement import end_with_parent
from campaign.workers.frames import framed, read_frames
from campaign.workers.pipes import widen

_AHEAD_BYTES = 16_000_000  # 100,000 rows, read while the parent loads its libraries
_PLAIN = 2  # marshal's format without references, half as fast again


class CleanRows(NamedTuple):
    """Some rows of one source, rejects among them."""

    source: Source
    source_index: int
    entries: list[Entry]


def clean_rows(folder: Path, settings: Recipients) -> Iterator[CleanRows]:
    """All rows of all files; at least one item for each file.  Raises DataError."""
    for chunk in read_lists(folder, settings):
        yield CleanRows(chunk.source, chunk.source_index, clean(chunk, settings))


@contextmanager
def lists_ahead(folder: Path, settings: Recipients) -> Iterator[Iterator[CleanRows]]:
    """The same rows from a child that begins now; it is gone afterwards, read to the end or not.

    Where a fork is not safe, since other threads run, they are read when they are asked for.
    """
    if threading.active_count() > 1:
        yield clean_rows(folder, settings)
        return
    output, child_output = os.pipe()
    try:
        pid = _started(folder, settings, output, child_output)
        try:
            yield _received(output)
        finally:
            with suppress(ProcessLookupError):  # SIGCHLD may be ignored: then nobody is left
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
    finally:
        os.close(output)


def _started(folder: Path, settings: Recipients, ours: int, output: int) -> int:
    """Starts the child and leaves `output` to it, the other end to us.  Returns its process id."""
    widen(output)
    parent = os.getpid()
    try:
        pid = os.fork()
        if not pid:
            os.close(ours)  # else the pipe would never break when we end
            _run_child(folder, settings, output, parent)
        return pid
    except OSError as error:
        raise CampaignError(f"no process can be started: {error.strerror}") from None
    finally:
        os.close(output)


def _received(output: int) -> Iterator[CleanRows]:
    """A frame is rows, the pickled fault that ends them, or None after the last."""
    for frame in read_frames(output):
        match marshal.loads(frame):
            case (source, index, entries):
                yield CleanRows(Source._make(source), index, list(map(Entry._make, entries)))
            case bytes(fault):
                raise pickle.loads(fault)
            case None:
                return
    raise CampaignError(
        "the process that reads the lists ended before it had read them",
        remedy="if it did not say why, memory may have run out: see the kernel's log; plan again",
    )


def _run_child(folder: Path, settings: Recipients, output: int, parent: int) -> NoReturn:
    """Never returns: what the parent would do at its end is not for its copy to do."""
    try:
        end_with_parent()
        if os.getppid() == parent:  # else it ended before we could ask to end with it
            gc.disable()  # nothing here refers to itself, and looking would copy the parent's pages
            os.set_blocking(output, False)
            _send_all(folder, settings, _Ahead(output))
    except BrokenPipeError:
        pass  # nobody reads any more
    except Exception:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)  # the pipe ends with it: whoever waits kills what is left


def _send_all(folder: Path, settings: Recipients, ahead: _Ahead) -> None:
    try:
        for source, index, entries in clean_rows(folder, settings):
            ahead.put((tuple(source), index, list(map(tuple, entries))))
    except CampaignError as error:
        ahead.put(pickle.dumps(error))
    ahead.put(None)
    ahead.write(at_most=0)


class _Ahead:
    """What the parent has not taken yet: as much as the pipe holds, and some more here."""

    def __init__(self, output: int) -> None:
        self._output = output
        self._room = select.poll()
        self._room.register(output, select.POLLOUT)
        self._unsent: deque[memoryview] = deque()

    def put(self, said: Any) -> None:
        """Anything that marshal knows."""
        self._unsent.append(memoryview(framed(marshal.dumps(said, _PLAIN))))
        self.write(at_most=_AHEAD_BYTES)

    def write(self, *, at_most: int) -> None:
        """Until no more than so many bytes are left here; further as long as nothing blocks."""
        while self._unsent:
            try:
                left = self._unsent[0][os.write(self._output, self._unsent[0]) :]
            except BlockingIOError:
                if sum(map(len, self._unsent)) <= at_most:
                    return
                self._room.poll()
                continue
            if left:
                self._unsent[0] = left
            else:
                self._unsent.popleft()
