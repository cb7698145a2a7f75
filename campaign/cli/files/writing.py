"""Where a command writes what it was asked for: `-o FILE`, `--rejects FILE`.

In: a path.  Out: an open file.  Touches: that file, which appears whole or not at all.

A symbolic link leads to the file that is written, a pipe or a device is written into, and a file
that is there keeps its mode.  A new one is for its owner alone: what we write names people.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from campaign.errors import UsageError

MODE = 0o600


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes its name when it is complete, and leaves nothing otherwise.

    Raises UsageError where it cannot be written.
    """
    try:
        target = path.resolve()
        there = target.stat() if target.exists() else None
        if there and not _may_be_replaced(target, there):
            with target.open("wb") as file:
                yield file
            return
        unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
        mode = stat.S_IMODE(there.st_mode) if there else MODE
        try:
            with open(unfinished, "wb", opener=_for_the_owner) as file:
                yield file
            unfinished.chmod(mode)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    except BrokenPipeError:  # whoever reads from the pipe has seen enough
        raise
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}", remedy="name another file"
        ) from error


def _may_be_replaced(target: Path, there: os.stat_result) -> bool:
    """A pipe, a device, a file with other names, of another's or in another's folder may not."""
    return (
        stat.S_ISREG(there.st_mode)
        and there.st_nlink == 1
        and there.st_uid == os.geteuid()
        and os.access(target.parent, os.W_OK)
    )


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, MODE)
