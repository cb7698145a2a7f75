"""The bundles that this host keeps: one while it is used, and of the others not too many.

In: a bundle, the folder of all bundles.  Out: the folder of the campaign, and a lock on it.
Touches: the folder of all bundles.
Fails with FleetMismatch and DataError, as `unpack` does; what cannot be removed stays.

Whoever uses a bundle holds a lock in its folder for sharing, and hands it on to the processes that
it starts there: a worker outlives who started it.  Who removes one has that lock alone.  Outcomes
that the journal did not take lie in such a folder too, and it stays as long as they do.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from campaign.clock import Clock
from campaign.fleet.bundle import Bundle, unpack

MOST_KEPT = 20
_KEPT_S = 30 * 86_400.0  # since it was last used
_LOCK = ".in-use"  # its time is that of the last use


class Held(NamedTuple):
    """A bundle that stays as long as the lock is open, here or in a process that inherited it."""

    folder: Path
    lock: int  # a file descriptor


def bundles_folder() -> Path:
    """Where this host keeps them."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(cache) / "campaign" / "bundles"


def hold(bundle: Bundle, under: Path, clock: Clock) -> Held:
    """Unpack it where it is not there yet, keep it from being removed, and remove others that
    nobody has used for long.

    Raises as `unpack`.
    """
    while True:
        folder = unpack(bundle, under)
        lock = _locked(folder, fcntl.LOCK_SH)
        if lock is not None:
            break
    now_s = clock.now_s()
    os.utime(lock, (now_s, now_s))
    _remove_unused(under, now_s)
    return Held(folder, lock)


def _locked(folder: Path, how: int) -> int | None:
    """The lock of a bundle; None where somebody removes it, or has it for another purpose."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:  # it was removed meanwhile
        return None
    try:
        fcntl.flock(lock, how)
        if os.path.samestat(os.fstat(lock), os.stat(folder / _LOCK)):
            return lock
    except OSError:
        pass
    os.close(lock)
    return None


def _remove_unused(under: Path, now_s: float) -> None:
    """Those beyond the newest `MOST_KEPT`, and those of long ago."""
    used = {}
    for folder in under.iterdir():
        if not folder.name.startswith("."):
            with suppress(OSError):
                used[folder] = _used_s(folder)
    newest = sorted(used, key=lambda folder: used[folder], reverse=True)
    for place, folder in enumerate(newest):
        if place >= MOST_KEPT or used[folder] < now_s - _KEPT_S:
            _remove(folder)


def _used_s(folder: Path) -> float:
    lock = folder / _LOCK
    return (lock if lock.exists() else folder).stat().st_mtime


def _remove(folder: Path) -> None:
    """Unless it is in use, or outcomes lie there that the journal does not know yet."""
    if any((folder / "state").glob("*.emergency*")):  # as `Place.emergency` names them
        return
    lock = _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if lock is None:
        return
    try:
        gone = folder.with_name(f".gone-{folder.name}")
        with suppress(OSError):
            folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    finally:
        os.close(lock)
