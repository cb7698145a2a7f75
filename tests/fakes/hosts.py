"""Another host, played by a network namespace: cables to this machine that can be cut.

In: names of cables.  Out: a host, to run commands on; addresses of this machine at its cables.
Touches: a network namespace and pairs of interfaces; needs root and ip(8).

A cable that is cut takes nothing along, and connections over it hear nothing of that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

_IP = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
_MOST = 60  # at the same time on this machine


class Cable(NamedTuple):
    """The interface of this machine, and both ends' addresses."""

    interface: str
    here: str
    there: str


class Host:
    """With one address at each of its cables."""

    def __init__(self, name: str, cables: dict[str, Cable]) -> None:
        self._name = name
        self.cables = cables

    def on(self, *command: str) -> list[str]:
        """The command that runs this one there."""
        assert _IP is not None
        return [_IP, "netns", "exec", self._name, *command]

    def cut(self, *names: str) -> None:
        """Nothing goes over these cables."""
        for name in names:
            _ip("link", "set", self.cables[name].interface, "down")

    def mend(self, *names: str) -> None:
        for name in names:
            _ip("link", "set", self.cables[name].interface, "up")


def can_run() -> bool:
    """Whether this process may make one."""
    if _IP is None or os.geteuid() != 0:
        return False
    name = f"campaign-probe-{os.getpid()}"
    try:
        _ip("netns", "add", name)
        _ip("netns", "del", name)
    except subprocess.CalledProcessError:
        return False
    return True


@contextmanager
def host(*cables: str) -> Iterator[Host]:
    """One with these cables, until the block ends."""
    name, number = _own_name()
    try:
        made = {
            cable: _lay(name, f"cmp{number}x{place}", f"10.83.{4 * number + place}")
            for place, cable in enumerate(cables)
        }
        _ip("-n", name, "link", "set", "lo", "up")
        yield Host(name, made)
    finally:
        _ip("netns", "del", name)  # its interfaces go with it, and so do ours


def _own_name() -> tuple[str, int]:
    """One that nobody else has: who makes it has its number, and so its addresses."""
    for number in range(_MOST):
        try:
            _ip("netns", "add", f"campaign-{number}")
        except subprocess.CalledProcessError:
            continue
        return f"campaign-{number}", number
    raise OSError("no network namespace can be made")


def _lay(name: str, interface: str, network: str) -> Cable:
    here, there = f"{network}.1", f"{network}.2"
    _ip("link", "add", interface, "type", "veth", "peer", "name", interface, "netns", name)
    _ip("addr", "add", f"{here}/30", "dev", interface)
    _ip("link", "set", interface, "up")
    _ip("-n", name, "addr", "add", f"{there}/30", "dev", interface)
    _ip("-n", name, "link", "set", interface, "up")
    return Cable(interface, here, there)


def _ip(*arguments: str) -> None:
    assert _IP is not None
    subprocess.run([_IP, *arguments], check=True, capture_output=True)
