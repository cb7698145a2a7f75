"""Power that fails: what a disk may hold of a process's writes, at every moment of its life.

In: a log of system calls by strace.  Out: the files as they could be found afterwards.
Touches: nothing but the folder it is told to write to.

A write that was not followed by a finished fsync of its file may be on the disk, or not, or in
part, in any order (sectors of 512 bytes are whole); a removed file may still be there.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

SECTOR = 512
CALLS = "pwrite64,ftruncate,fdatasync,fsync,unlink,write"
OPTIONS = ["-f", "-qq", "-y", "-xx", "-s", "10000000", "-e", f"trace={CALLS}"]
_CALL = re.compile(r'^(\d+) +(\w+)\((?:(\d+)<([^>]*)>|"([^"]*)")(?:, )?(.*)$')
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>")
Fate = Literal["dropped", "kept", "torn"]


class _Write(NamedTuple):
    offset: int
    data: bytes
    length: int = -1  # the file's, where it was cut


class Disk:
    """The files of one folder: what is safe, and what is only in the cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._safe = {
            path: path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.endswith("-shm")
        }
        self._cached: dict[Path, list[_Write]] = {}
        self._removed: set[Path] = set()
        self.said = b""  # what the process has written to its standard output

    def after(self, log: Path) -> Iterator[int]:
        """Go through the log; after each call yields its number, for a look at the disk."""
        syncing: dict[str, Path] = {}
        for number, line in enumerate(log.read_text().splitlines()):
            if resumed := _RESUMED.match(line):
                if path := syncing.pop(resumed[1], None):
                    self._sync(path)
            elif called := _CALL.match(line):
                thread, call, fd, shown, named, rest = called.groups()
                path = Path(_text(shown if shown is not None else named))
                if call in ("fdatasync", "fsync"):
                    if "<unfinished" in rest:
                        syncing[thread] = path
                    else:
                        self._sync(path)
                elif call == "write" and fd == "1":
                    self.said += _bytes(rest)
                elif self._folder in path.parents and not path.name.endswith("-shm"):
                    self._note(call, path, rest)
                else:
                    continue
            yield number

    def files(self, fate: Fate, dice: random.Random) -> dict[Path, bytes]:
        """The files after the power failed here, with this fate of what was not safe."""
        found = {}
        for path in self._safe.keys() | self._cached.keys():
            if path in self._removed and (
                fate == "kept" or (fate == "torn" and dice.random() < 0.5)
            ):
                continue
            content = bytearray(self._safe.get(path, b""))
            for write in self._cached.get(path, ()):
                _apply(content, write, fate, dice)
            if path in self._safe or content:
                found[path] = bytes(content)
        return found

    def restore(self, to: Path, fate: Fate, dice: random.Random) -> None:
        """These files, in another folder."""
        shutil.rmtree(to, ignore_errors=True)
        for path, content in self.files(fate, dice).items():
            at = to / path.relative_to(self._folder)
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(content)

    def _sync(self, path: Path) -> None:
        if path in self._removed or path not in self._cached:
            return
        content = bytearray(self._safe.get(path, b""))
        for write in self._cached.pop(path):
            _apply(content, write, "kept", random.Random())
        self._safe[path] = bytes(content)

    def _note(self, call: str, path: Path, rest: str) -> None:
        if call == "unlink":
            self._removed.add(path)
            return
        if path in self._removed:  # made anew
            self._removed.discard(path)
            self._safe.pop(path, None)
            self._cached.pop(path, None)
        writes = self._cached.setdefault(path, [])
        if call == "ftruncate":
            writes.append(_Write(0, b"", int(rest.split(")")[0].split(" ")[0])))
        elif call == "pwrite64":
            offset = re.search(r'", \d+, (\d+)', rest)
            assert offset is not None, rest[-80:]
            writes.append(_Write(int(offset[1]), _bytes(rest)))


def _apply(content: bytearray, write: _Write, fate: Fate, dice: random.Random) -> None:
    if write.length >= 0 and _happens(fate, dice):
        del content[write.length :]
    for start in range(0, len(write.data), SECTOR):
        if not _happens(fate, dice):
            continue
        part = write.data[start : start + SECTOR]
        at = write.offset + start
        content.extend(bytes(max(0, at + len(part) - len(content))))
        content[at : at + len(part)] = part


def _happens(fate: Fate, dice: random.Random) -> bool:
    return fate == "kept" or (fate == "torn" and dice.random() < 0.5)


def _bytes(shown: str) -> bytes:
    r"""The first string of a call, from its \x.. form."""
    start = shown.index('"') + 1
    return bytes.fromhex(shown[start : shown.index('"', start)].replace("\\x", ""))


def _text(shown: str) -> str:
    return _bytes(f'"{shown}"').decode() if shown.startswith("\\x") else shown
