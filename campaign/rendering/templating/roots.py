"""Where a template may reach: the folders it finds others in, and nothing outside them.

In: the path of a template as campaign.toml names it.  Out: paths and sources of templates.
Touches: template files, for reading.

A name is looked for first in the folder of the template that campaign.toml names, then in the
nearest folder above it called `templates` (or in the campaign's folder, when the template lies in
it).  A name that starts with `./` or `../` is taken from the template it stands in.  What then lies
outside these two folders, also behind a symlink, does not exist.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from campaign.errors import TemplateError


class Roots:
    """The reach of one main template; `main` is its absolute path, `folders` what it may reach."""

    def __init__(self, folder: Path, path: str) -> None:
        self._folder = folder
        self.main = os.path.abspath(folder / path)
        self.folders = [os.path.realpath(root) for root in _roots(folder, Path(self.main))]

    def find(self, name: str) -> str | None:
        """The path of a template within reach; absolute names are looked at too."""
        if name == self.main:
            return name
        if "\0" in name:
            return None
        for root in self.folders:
            path = os.path.realpath(os.path.join(root, name))
            if any(_is_beneath(path, allowed) for allowed in self.folders) and os.path.isfile(path):
                return path
        return None

    def join(self, name: str, parent: str) -> str:
        """What `name` means where it stands in the template `parent`."""
        if not name.startswith(("./", "../")):
            return name
        folder = os.path.dirname(self.find(parent) or self.main)
        return os.path.normpath(os.path.join(folder, name))

    def read(self, path: str) -> str:
        """The source.  Raises TemplateError when it is no UTF-8 or not there."""
        try:
            return Path(path).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise TemplateError("there is no such template", file=self.shown(path)) from None
        except OSError as error:
            reason = error.strerror or "unreadable"
            raise TemplateError(f"cannot be read: {reason}", file=self.shown(path)) from None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise TemplateError("is not UTF-8", file=self.shown(path), line=line) from None

    def shown(self, path: str) -> str:
        """A path as a person writes it: relative to the campaign's folder."""
        return os.path.relpath(path, self._folder)

    def named(self, path: str) -> str:
        """A path as other templates name it: "layouts/base.html"."""
        real = os.path.realpath(path)
        for root in self.folders:
            if _is_beneath(real, root):
                return os.path.relpath(real, root)
        return self.shown(path)


def _roots(folder: Path, main: Path) -> Iterator[Path]:
    yield main.parent
    for above in main.parents:
        if above.name == "templates":
            yield above
            return
    if main.is_relative_to(os.path.abspath(folder)):
        yield folder


def _is_beneath(path: str, root: str) -> bool:
    return path.startswith(root.rstrip("/") + "/")
