"""Files that travel with a letter: fixed ones, one per recipient, images inside the HTML.

In: paths from the config, the columns of a row.  Out: MIME entities.
Touches: those files, for reading.

A path written out in the config may lead anywhere.  A path made from cells stays beneath the fixed
folder it starts with (`invoices/` in `invoices/{{ invoice }}.pdf`), also behind symlinks.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from campaign.errors import ConfigError, RenderError, TemplateError
from campaign.rendering.mime.entities import file_entity
from campaign.rendering.templating.templates import Row, Template, TemplateCompiler, fixed_start
from campaign.units import show_size

FILE_MAX = 50_000_000  # bytes; no provider takes more: Gmail receives 50 MB at most
_KEPT_BYTES = 16_000_000  # encoded files kept for the next recipient who gets the same one


def fixed_file(folder: Path, path: str, *, content_id: str = "") -> bytes:
    """The entity of a file that everybody gets.  Raises TemplateError."""
    full = folder / path
    try:
        return file_entity(_content(str(full)), full.name, content_id=content_id)
    except RenderError as error:
        raise TemplateError(error.what, file=path) from None


def personal_root(folder: Path, source: str) -> str:
    """The folder that a path with cells in it stays beneath.

    Raises ConfigError where that is the campaign's own folder, or one that holds it: cells would
    reach the list, the journal and everything else.
    """
    start = os.path.dirname(fixed_start(source))
    root, home = os.path.realpath(folder / start), os.path.realpath(folder)
    # Without an expression that is printed, cells only choose among paths that are written out.
    is_named_by_cells = "{{" in source or "print" in source
    if is_named_by_cells and (not start or f"{home}/".startswith(f"{root.rstrip('/')}/")):
        raise ConfigError(
            f"message.attachments: '{source}' lets cells reach every file of"
            f" {'the campaign' if root == home else root}",
            remedy="begin it with a folder that holds nothing else: 'attachments/{{ file }}'",
        )
    return root


class OwnFile(NamedTuple):
    """An attachment of one recipient."""

    entity: bytes
    sha256: bytes  # of its content


class PersonalFiles:
    """An attachment whose path is a template.

    What follows the fixed folder may name several files, separated by `;` or line ends.  A path
    that renders to nothing at all attaches nothing.
    """

    def __init__(
        self, compiler: TemplateCompiler, folder: Path, source: str, private: tuple[str, ...] = ()
    ) -> None:
        self._private = private
        self._template: Template = compiler.text(source, "message.attachments")
        self._start = os.path.dirname(fixed_start(source))
        self._root = personal_root(folder, source)
        self._kept: OrderedDict[tuple[str, int, int], OwnFile] = OrderedDict()
        self._kept_bytes = 0

    def files(self, values: Row) -> list[OwnFile]:
        """Raises RenderError for a file that is missing, too large or outside the folder."""
        rendered = self._template.render(values).strip()
        rest = rendered[len(self._start) :].lstrip("/") if self._start else rendered
        if rendered and not rest:
            raise RenderError(f"attachment '{rendered}' names no file")
        names = (name.strip() for name in rest.replace(";", "\n").split("\n"))
        return [self._file(name) for name in names if name]

    def _file(self, name: str) -> OwnFile:
        shown = os.path.join(self._start, name)
        if "\0" in name:
            raise RenderError(f"attachment {shown!r} holds NUL")
        path = os.path.realpath(os.path.join(self._root, name))
        if not path.startswith(self._root.rstrip("/") + "/"):
            raise RenderError(f"attachment {shown!r} leads out of '{self._start or '.'}/'")
        if path.startswith(self._private):
            raise RenderError(
                f"attachment {shown!r} is a file of the campaign itself, or of its journal",
                remedy="move what is to be sent into a folder of its own",
            )
        try:
            found = os.stat(path)
        except OSError as error:
            raise RenderError(f"attachment {shown!r}: {error.strerror}") from None
        known = (path, found.st_mtime_ns, found.st_size)
        file = self._kept.get(known)
        if file is None:
            content = _content(path, shown)
            digest = hashlib.sha256(content).digest()
            file = OwnFile(file_entity(content, os.path.basename(name)), digest)
            self._keep(known, file)
        return file

    def _keep(self, known: tuple[str, int, int], file: OwnFile) -> None:
        self._kept[known] = file
        self._kept_bytes += len(file.entity)
        while self._kept_bytes > _KEPT_BYTES:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped.entity)


def snapshot_of(files: list[OwnFile]) -> str:
    """What would change if any of the files did; "" where there are none."""
    if not files:
        return ""
    return hashlib.sha256(b"".join(file.sha256 for file in files)).hexdigest()


def _content(path: str, shown: str = "") -> bytes:
    """A regular file's bytes; a device or a pipe would block.  Raises RenderError."""
    shown = shown or os.path.basename(path)
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise RenderError(f"attachment {shown!r} is not a file")
        if found.st_size > FILE_MAX:
            size, limit = show_size(found.st_size), show_size(FILE_MAX)
            raise RenderError(f"attachment {shown!r} has {size}, more than {limit}")
        return Path(path).read_bytes()
    except OSError as error:
        raise RenderError(f"attachment {shown!r}: {error.strerror}") from None
