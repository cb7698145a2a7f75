"""Mail in files: a Maildir, an mbox, a folder of .eml files, one mail, standard input.

In: a path.  Out: mails in batches, in a fixed order; what becomes of them afterwards.
Touches: the files; they are moved or removed only by `done`.

Of a mail no more than `LOOKED_AT` bytes are kept in memory, however large it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from campaign.errors import DataError, UsageError
from campaign.feedback.parsing.mail import LOOKED_AT

BATCH = 200
_BATCH_BYTES = 16 << 20


class RawMail(NamedTuple):
    """name: a path, a line of an mbox, a number of a mailbox."""

    name: str
    raw: bytes


class Afterwards(NamedTuple):
    """What becomes of a mail that was taken in; neither: it stays where it is."""

    move_to: str = ""
    deletes: bool = False


class Postbox(Protocol):
    """A place that mail is read from."""

    @property
    def name(self) -> str: ...

    def batches(self) -> Iterator[list[RawMail]]:
        """All that is there and was not given before."""
        ...

    def done(self, mails: Sequence[RawMail]) -> None:
        """They were taken in, durably."""
        ...

    def pass_over(self) -> None:
        """What is there now is not asked for."""
        ...

    def wait(self, seconds: float) -> None:
        """Until there may be more, at most that long."""
        ...

    def close(self) -> None: ...


def open_files(place: str, afterwards: Afterwards, *, watch: bool = False) -> Postbox:
    """Whichever it is.  Raises UsageError, DataError."""
    if place == "-":
        if watch or afterwards != Afterwards():
            raise UsageError(
                "what comes on standard input can be neither watched nor moved nor deleted",
                remedy="leave --watch, --move-to and --delete out, or name a Maildir",
            )
        return MboxFile(sys.stdin.buffer, "standard input")
    path = Path(place).expanduser()
    if path.is_dir():
        return MailFolder(path, afterwards)
    if not path.is_file():
        raise UsageError(
            f"there is no mailbox {place}", remedy="name a Maildir, a file or imaps://"
        )
    if afterwards != Afterwards():
        raise UsageError(
            f"{place} is one file, of which no mail can be moved or deleted",
            remedy="leave --move-to and --delete out: a mail that is read twice counts once",
        )
    return MboxFile(path, place)


class MailFolder:
    """A Maildir, whose mails lie in `new` and `cur`, or any folder with .eml files."""

    def __init__(self, path: Path, afterwards: Afterwards) -> None:
        self.name = str(path)
        self._path = path
        self._is_maildir = (path / "new").is_dir() and (path / "cur").is_dir()
        self._afterwards = afterwards
        self._given: set[str] = set()  # file names without the flags of a Maildir

    def batches(self) -> Iterator[list[RawMail]]:
        batch: list[RawMail] = []
        size = 0
        for file in self._files():
            unique = file.name.partition(":")[0]
            if unique in self._given:
                continue
            raw = _read(file)
            self._given.add(unique)
            if raw is None:  # moved by its reader meanwhile: it comes back under its new name
                self._given.discard(unique)
                continue
            batch.append(RawMail(str(file), raw))
            size += len(raw)
            if len(batch) == BATCH or size > _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def pass_over(self) -> None:
        self._given |= {file.name.partition(":")[0] for file in self._files()}

    def done(self, mails: Sequence[RawMail]) -> None:
        if self._afterwards == Afterwards():
            return
        target = self._target()
        for mail in mails:
            file = Path(mail.name)
            try:
                if target is None:
                    file.unlink(missing_ok=True)
                else:
                    name = (
                        file.name
                        if ":2," in file.name or not self._is_maildir
                        else f"{file.name}:2,S"
                    )
                    file.replace(target / name)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise DataError(
                    f"{file} was taken in, and cannot be moved away: {error.strerror}",
                    remedy="it counts once, however often it is read",
                ) from None

    def wait(self, seconds: float) -> None:
        import time

        time.sleep(min(seconds, 1.0))

    def close(self) -> None:
        pass

    def _files(self) -> list[Path]:
        folders = [self._path / "new", self._path / "cur"] if self._is_maildir else [self._path]
        found = []
        for folder in folders:
            with os.scandir(folder) as entries:
                found += [
                    entry.path
                    for entry in entries
                    if not entry.name.startswith(".")
                    and (self._is_maildir or entry.name.lower().endswith((".eml", ".msg.txt")))
                    and entry.is_file()
                ]
        return [Path(each) for each in sorted(found, key=os.path.basename)]

    def _target(self) -> Path | None:
        if not self._afterwards.move_to:
            return None
        target = Path(self._afterwards.move_to).expanduser()
        if self._is_maildir:
            for name in ("new", "tmp", "cur"):
                (target / name).mkdir(parents=True, exist_ok=True)
            return target / "cur"
        target.mkdir(parents=True, exist_ok=True)
        return target


class MboxFile:
    """An mbox (RFC 4155), or one mail: a file that does not begin with "From "."""

    def __init__(self, source: Path | BinaryIO, name: str) -> None:
        self.name = name
        self._source = source
        self._seen: tuple[int, int] | None = None  # size and time of the file that was read

    def batches(self) -> Iterator[list[RawMail]]:
        if not isinstance(self._source, Path):
            if self._seen is None:
                self._seen = (0, 0)
                yield from self._batches(self._source)
            return
        facts = self._source.stat()
        if self._seen == (facts.st_size, facts.st_mtime_ns):
            return
        self._seen = (facts.st_size, facts.st_mtime_ns)
        with self._source.open("rb") as file:
            yield from self._batches(file)

    def pass_over(self) -> None:
        if isinstance(self._source, Path):  # once more mail is there, all of it is given
            facts = self._source.stat()
            self._seen = (facts.st_size, facts.st_mtime_ns)

    def done(self, mails: Sequence[RawMail]) -> None:
        pass

    def wait(self, seconds: float) -> None:
        import time

        time.sleep(min(seconds, 1.0))

    def close(self) -> None:
        pass

    def _batches(self, file: BinaryIO) -> Iterator[list[RawMail]]:
        batch: list[RawMail] = []
        size = 0
        for mail in self._mails(file):
            batch.append(mail)
            size += len(mail.raw)
            if len(batch) == BATCH or size > _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _mails(self, file: BinaryIO) -> Iterator[RawMail]:
        """ "From " after an empty line begins the next; of each only the first part is kept."""
        lines: list[bytes] = []
        size = number = 0
        is_mbox = is_empty = is_line_start = True
        count = 0
        while line := file.readline(65536):
            count += 1
            starts = is_line_start and is_empty and line.startswith(b"From ")
            if count == 1:
                is_mbox = starts
            if starts and is_mbox:
                if number:
                    yield RawMail(f"{self.name}:{number}", b"".join(lines))
                lines, size, number = [], 0, number + 1
            elif size <= LOOKED_AT:
                if line.startswith(b">From ") and is_mbox:
                    line = line[1:]
                lines.append(line)
                size += len(line)
            is_empty = is_line_start and line in (b"\n", b"\r\n")
            is_line_start = line.endswith(b"\n")
        if lines or number:
            name = f"{self.name}:{number}" if is_mbox else self.name
            yield RawMail(name, b"".join(lines))


def _read(file: Path) -> bytes | None:
    try:
        with file.open("rb") as opened:
            return opened.read(LOOKED_AT + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(
            f"{file} cannot be read: {error.strerror}", remedy="look at its rights"
        ) from None
