"""Ctrl-C that Python had to drop is pressed again.

In: nothing.  Out: nothing.  Touches: `sys.unraisablehook`.

Python raises KeyboardInterrupt between any two instructions of the main thread.  If these belong to
a finalizer, a callback of a weak reference or a C library, nobody can catch it: it is reported and
dropped, and a command that lasts goes on as if nothing had been pressed.  If it came through a text
that was run (a named tuple is made of one), `python -m` ends by the signal, not with our exit code.
"""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

_AGAIN_S = 0.01  # until then the finalizer has ended, which would drop it once more


def keep() -> None:
    """From now on none is lost; no more than once, and not where somebody else looks at these."""
    if sys.unraisablehook is sys.__unraisablehook__ and hasattr(signal, "pthread_kill"):
        sys.unraisablehook = _unraisable


def forget() -> None:
    """One that was answered decides no exit code any more."""
    exec("")


def _unraisable(dropped: Any) -> None:
    if not issubclass(dropped.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)
    elif (main := threading.main_thread().ident) and not sys.is_finalizing():
        # As a signal to the main thread, which also wakes it where it sleeps.
        again = threading.Timer(_AGAIN_S, signal.pthread_kill, (main, signal.SIGINT))
        again.daemon = True
        again.start()
