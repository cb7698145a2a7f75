"""Which boot of this machine it is: a process id means nothing after the next.

In: nothing.  Out: text.  Touches: /proc, once.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot_of_this_machine() -> str:
    """What tells this boot from the one before; "" where the system does not say.

    Asked once: a run that has used up its file descriptors must still be able to end its journal.
    """
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
