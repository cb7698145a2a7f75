"""Ports on loopback that are one test's alone, on every address.

In: nothing.  Out: numbers.  Touches: a socket a number, which keeps it from other processes.

A number of the system's choice is free on one address at one moment.  A test that wants nobody to
listen there, or the same number on several addresses, meets the server of another test in one run
of some hundred.
"""

from __future__ import annotations

import random
import socket
from collections import deque
from pathlib import Path

_KEEPER = "127.83.77.84"  # where nobody listens; who binds a number here has it
_MOST_KEPT = 200  # more than one test takes

_dice = random.SystemRandom()  # hypothesis sets the seed of the other one
_kept: deque[socket.socket] = deque()


def own_port() -> int:
    """A port nobody listens on, and nobody will but who asked."""
    numbers = _numbers()
    for _ in range(1000):
        port = _dice.choice(numbers)
        keeper = socket.socket()
        try:
            keeper.bind((_KEEPER, port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            keeper.close()
            continue
        _kept.append(keeper)
        if len(_kept) > _MOST_KEPT:
            _kept.popleft().close()
        return port
    raise OSError("no free port")


def _numbers() -> range:
    """Below those that the system gives to who asks for any, a client's end among them."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return range(max(low - 12_000, 1024), max(low, 10_000))
