"""Where a store is, read from its url.

In: the url of [journal].  Out: `Place`, errors with a remedy.
Touches: the mount table.  Fails with ConfigError for a url that cannot hold a store, JournalError
for a filesystem that cannot.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from campaign.errors import ConfigError, JournalError

# Write-ahead logging needs memory shared by all who open the file (sqlite.org/wal.html, 1).
NETWORK_FILESYSTEMS = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2"}
    | {"gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs"}
)
MOUNTS = Path("/proc/self/mountinfo")
URL_FORMS = "write sqlite:///state/journal.sqlite or postgresql+psycopg://user@host/name"
_POSTGRESQL = ("postgresql", "postgresql+psycopg")  # the driver is the same


class Place(NamedTuple):
    """Where a store is."""

    url: str  # of PostgreSQL, as SQLAlchemy takes it
    dialect: str  # "sqlite" or "postgresql"
    path: Path | None  # of the SQLite file, absolute
    emergency: Path  # where outcomes go when the journal fails

    @property
    def shown(self) -> str:
        """For messages: the path, or the url without its password and parameters."""
        return str(self.path) if self.path else shown_url(self.url)

    def beside(self, suffix: str) -> Path:
        """A file that belongs to the SQLite file."""
        assert self.path is not None
        return self.path.with_name(self.path.name + suffix)


def locate(url: str, folder: Path) -> Place:
    """Read the url: sqlite:///beside/the/campaign, sqlite:////absolute, postgresql+psycopg://...

    A SQLite file behind a symbolic link is known by its own name, as SQLite knows it.
    Raises ConfigError for anything else.
    """
    scheme, _, rest = url.partition("://")
    if scheme in _POSTGRESQL:
        _refuse_bad_port(url)
        full = f"postgresql+psycopg://{rest}"
        return Place(full, "postgresql", None, (folder / "state/journal.emergency").absolute())
    name = rest.partition("?")[0].removeprefix("/")
    if scheme != "sqlite" or name in {"", ":memory:"}:
        raise ConfigError(
            f"[journal] url '{shown_url(url)}' cannot hold a journal", remedy=URL_FORMS
        )
    path = (folder / name).absolute()
    if path.is_symlink():
        path = Path(os.path.realpath(path))
    return Place(f"sqlite:///{path}", "sqlite", path, path.with_name(f"{path.name}.emergency"))


def shown_url(url: str) -> str:
    """A url without what may be secret: its password and its parameters."""
    scheme, separator, rest = url.partition("://")
    authority, slash, name = rest.partition("?")[0].partition("/")
    user, at, host = authority.rpartition("@")
    return f"{scheme}{separator}{user.partition(':')[0]}{at}{host}{slash}{name}"


def secrets_of(url: str) -> list[str]:
    """The passwords in a url, as written there and as they are meant."""
    rest = url.partition("://")[2]
    authority, _, query = rest.partition("?")
    found = [authority.rpartition("@")[0].partition(":")[2]]
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if "password" in name:
            found.append(value)
    return [form for secret in found if secret for form in (secret, unquote(secret))]


def _refuse_bad_port(url: str) -> None:
    try:
        urlsplit(url).port  # noqa: B018 - reading it is what raises
    except ValueError as error:
        raise ConfigError(
            f"[journal] url '{shown_url(url)}' is not a database url: {error}", remedy=URL_FORMS
        ) from None


def filesystem_of(path: Path, mounts: str) -> str:
    """The type of the filesystem that holds a path, from the text of /proc/self/mountinfo.

    "" where it cannot be known.  Fields as in proc(5): the mount point is the fifth, the type the
    first after the lone hyphen; blanks are written as octal escapes.
    """
    found, found_length = "", -1
    wanted = str(path.resolve()).rstrip("/") + "/"
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        point = left.split(" ")[4].encode().decode("unicode_escape").rstrip("/") + "/"
        if wanted.startswith(point) and len(point) >= found_length:
            found, found_length = right.split(" ")[0], len(point)
    return found


def refuse_network_filesystem(path: Path, mounts: Path = MOUNTS) -> None:
    """Raises JournalError where several machines could write the same file."""
    if not mounts.exists():  # not Linux
        return
    kind = filesystem_of(path.parent, mounts.read_text())
    if kind in NETWORK_FILESYSTEMS:
        raise JournalError(
            f"the journal {path} is on a network filesystem ({kind}), where a commit is not safe",
            remedy="put it on a local disk, or use a postgresql+psycopg:// journal",
        )
