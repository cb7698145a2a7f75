"""The folder of a campaign, as it goes to workers on other hosts.

In: a campaign's folder, its plan.  Out: bytes that are named by what is in them, unpacked again.
Touches: the files that the plan was made of; the folder of all bundles on the worker's host.
Fails with DataError for a folder that is too large to be sent, or was damaged on its way.

What goes along is what the plan was made of: campaign.toml, lists, templates, attachments.  Files
that hold secrets do not: a worker's host has its own, or the variables and commands that
campaign.toml names.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from campaign import __version__
from campaign.errors import DataError, FleetMismatch

MOST_BYTES = 1_000_000_000  # of all files; beyond it a host has to have the folder already


class Bundle(NamedTuple):
    """What a worker is given."""

    version: str  # of campaign
    digest: str  # SHA-256 of `data`
    data: bytes  # a tar file, the same for the same files


def pack(folder: Path, names: Iterable[str]) -> Bundle:
    """`names`: files of the folder, relative to it."""
    there = [name for name in sorted(set(names)) if (folder / name).is_file()]
    outside = [name for name in there if not (folder / name).resolve().is_relative_to(folder)]
    if outside:
        raise DataError(
            f"{outside[0]} lies outside the campaign's folder, and cannot be sent to workers",
            remedy="put it into the folder, or leave --fleet out; hosts that have it may"
            " `campaign work`",
        )
    if sum((folder / name).stat().st_size for name in there) > MOST_BYTES:
        raise DataError(
            "the campaign's files are more than 1 GB, too much to be sent to workers",
            remedy="leave --fleet out; hosts that have a copy of the folder may `campaign work`",
        )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in there:
            data = (folder / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            entry.mode = 0o600
            tar.addfile(entry, io.BytesIO(data))
    content = packed.getvalue()
    return Bundle(__version__, hashlib.sha256(content).hexdigest(), content)


def unpack(bundle: Bundle, under: Path) -> Path:
    """The folder of a bundle; one that is there already under its digest is used again.

    Raises FleetMismatch where this host has another version of campaign, DataError.
    """
    if bundle.version != __version__:
        raise FleetMismatch(
            f"the version of campaign is {__version__} on this host and {bundle.version} where the"
            " run was started",
            remedy="install the same version on all hosts",
        )
    if hashlib.sha256(bundle.data).hexdigest() != bundle.digest:
        raise DataError("the campaign's files were damaged on their way", remedy="start it again")
    folder = under / bundle.digest
    if folder.is_dir():
        return folder
    under.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=under, prefix=".part-") as name:
        part = Path(name) / "campaign"
        part.mkdir(mode=0o700)
        _extract(bundle.data, part)
        try:
            part.rename(folder)
        except OSError:  # another worker of this host was quicker
            if not folder.is_dir():
                raise
    return folder


def _extract(data: bytes, to: Path) -> None:
    """Plain files, and nothing outside: `pack` writes no other."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for entry in tar:
            path = (to / entry.name).resolve()
            content = tar.extractfile(entry) if entry.isfile() else None
            if content is None or not path.is_relative_to(to.resolve()):
                raise DataError(f"{entry.name} is not a file of a campaign", remedy="pack it again")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(content.read())
