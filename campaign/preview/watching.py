"""Notices when a file of the campaign changes.

In: the files to watch.  Out: a call for each change.  Touches: the folders of those files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from watchfiles import Change, awatch

_SETTLES_MS = 120  # an editor saves in several steps


async def watch(
    files: Callable[[], Sequence[Path]], on_change: Callable[[], Awaitable[None]]
) -> None:
    """Run until cancelled; the files may be others after each change."""
    while True:
        watched = {path.resolve() for path in files()}
        folders = {path.parent for path in watched if path.parent.is_dir()}
        if not folders:
            await asyncio.sleep(1.0)
            continue
        # Editors replace a file by another of the same name, so it is the folder that is watched;
        # a template that was missing may appear in it, so its neighbours of that kind count too.
        kinds = {path.suffix for path in watched}

        def counts(_: Change, path: str, kinds: set[str] = kinds) -> bool:
            return Path(path).suffix in kinds

        async for _ in awatch(
            *folders, recursive=False, step=_SETTLES_MS, debounce=1000, watch_filter=counts
        ):
            await on_change()
            if {path.resolve() for path in files()} != watched:
                break
