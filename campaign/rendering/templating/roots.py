"""Where a template may reach: files that are templates, in folders that hold templates.

In: the templates that [message] names, and the folders it declares.  Out: paths and sources.
Touches: template files, for reading.  Fails with TemplateError where one cannot be read.

Within reach of a template are
- the templates that [message] names, in all their languages;
- the folder it lies in, and the nearest folder above it called `templates`;
- the folder `templates` beside campaign.toml;
- what `templates` in [message] declares: folders, or single files.
Of a folder only files whose names end as those of templates do.  The campaign's own folder, which
also holds the list, the configuration and perhaps a password, is no such folder unless it is
declared, and neither is one above it.

A name is looked for in these folders in this order, then beside campaign.toml.  A name that starts
with `./` or `../` is taken from the template it stands in.  What lies out of reach, also behind a
symlink, does not exist.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from campaign.errors import TemplateError

SUFFIXES = (
    ".txt", ".html", ".htm", ".xhtml", ".md", ".markdown", ".ics", ".css", ".svg", ".j2", ".jinja",
    ".jinja2",
)  # fmt: skip
_FOLDER = "templates"


class Reach(NamedTuple):
    """What the templates of one campaign have in common; paths are relative to its folder."""

    folder: Path
    declared: tuple[str, ...] = ()  # `templates` of [message]
    named: tuple[str, ...] = ()  # the templates that [message] names

    def of(self, path: str) -> Roots:
        """The reach of one of the templates that [message] names."""
        return Roots(self, path)


class Roots:
    """The reach of one main template.

    main: its absolute path
    folders: real paths of the folders it reaches templates in
    files: real paths of the single files it reaches beside these
    """

    def __init__(self, reach: Reach, path: str) -> None:
        self._folder = reach.folder
        self._home = os.path.realpath(reach.folder)
        self.main = os.path.abspath(reach.folder / path)
        declared = [os.path.realpath(reach.folder / one) for one in reach.declared]
        named = {os.path.realpath(reach.folder / one) for one in (*reach.named, path)}
        self.files = sorted(named | {one for one in declared if os.path.isfile(one)})
        usual = (root for root in self._usual() if not self._is_home(root))
        folders = [*usual, *(one for one in declared if os.path.isdir(one))]
        self.folders = list(dict.fromkeys(folders))

    def find(self, name: str) -> str | None:
        """The path of a template within reach; absolute names are looked at too."""
        if name == self.main:
            return name
        if "\0" in name:
            return None
        for base in (*self.folders, self._home):
            path = os.path.realpath(os.path.join(base, name))
            if self._is_within(path) and os.path.isfile(path):
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
            raise TemplateError(
                "is not UTF-8", file=self.shown(path), line=line, remedy="save it as UTF-8"
            ) from None

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

    def _usual(self) -> Iterator[str]:
        main = Path(self.main)
        yield os.path.realpath(main.parent)
        for above in main.parents:
            if above.name == _FOLDER:
                yield os.path.realpath(above)
                break
        yield os.path.join(self._home, _FOLDER)

    def _is_home(self, root: str) -> bool:
        """The campaign's folder, or one that holds it."""
        return root == self._home or _is_beneath(self._home, root)

    def _is_within(self, path: str) -> bool:
        if path in self.files:
            return True
        is_template = path.endswith(SUFFIXES)
        return is_template and any(_is_beneath(path, root) for root in self.folders)


def _is_beneath(path: str, root: str) -> bool:
    return path.startswith(root.rstrip("/") + "/")
