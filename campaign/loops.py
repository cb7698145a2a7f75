"""The fastest event loop there is.

In: nothing.  Out: what makes one.  Touches: nothing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def fastest_loop() -> LoopFactory:
    """uvloop's, but on Windows, where there is none."""
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop
