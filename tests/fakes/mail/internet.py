"""Domains with mail servers of their own, all on this machine (127.0.0.2 and so on are loopback).

In: scripts.  Out: a `World` to send to.  Touches: one port on several loopback addresses, a local
nameserver.
"""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakes.mail.dns_server import DnsServer
from fakes.mail.scripted_smtp import Script, ScriptedServer
from fakes.ports import own_port
from fakes.prepared.sending import Ending, Mailing, direct

GOOD = "good.example"
BAD = "bad.example"
PEOPLE = [f"r{n}@{domain}" for n in (1, 2, 3) for domain in (GOOD, BAD)]
THEIRS = [address for address in PEOPLE if BAD in address]


class ServerAt(ScriptedServer):
    """On an address of its own; `port` 0: one that is free on every address."""

    def __init__(self, script: Script, address: str, port: int) -> None:
        super().__init__(script)
        self._address = address
        self.port = port

    def start(self) -> None:
        self._listener.close()
        self.port = self.port or own_port()
        self._listener = socket.create_server(
            (self._address, self.port),
            family=socket.AF_INET6 if ":" in self._address else socket.AF_INET,
        )
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        self._threads.append(thread)


@dataclass
class World:
    """A nameserver and mail servers at 127.0.0.x; good.example is at 127.0.0.1."""

    dns: DnsServer
    folder: Path
    stack: ExitStack
    good: ScriptedServer

    def server(self, number: int, *rules: Any, **how: Any) -> ScriptedServer:
        made = ServerAt(Script(*rules, **how), f"127.0.0.{number}", self.good.port)
        return self.stack.enter_context(made)

    def at(self, domain: str, *numbers: int, secure: bool = False) -> None:
        """`domain` has MX hosts at 127.0.0.number, in this order; `secure`: validated."""
        hosts = [f"mx{n}.{domain}" for n in numbers]
        values = (f"{place}0 {h}." for place, h in enumerate(hosts, 1))
        self.dns.add(domain, "MX", *values, secure=secure)
        for host, number in zip(hosts, numbers, strict=True):
            self.dns.add(host, "A", f"127.0.0.{number}", secure=secure)

    def mailing(
        self,
        people: list[str] | None = None,
        *,
        more: str = "",
        dns_timeout: str = "0.3s",
        **how: Any,
    ) -> Mailing:
        """A campaign to these people, straight to their servers."""
        way = direct(self.good.port, self.dns.address, more, dns_timeout)
        how.setdefault("retry", ("1h",))
        return Mailing(self.folder, way, people=people or PEOPLE, **how)

    def send(
        self, people: list[str] | None = None, *, more: str = "", wait: bool = False, **how: Any
    ) -> Ending:
        return self.mailing(people, more=more, **how).send(no_wait=not wait)


def the_good_went_on(world: World, ending: Ending) -> None:
    assert ending.all_but(*THEIRS) == {"sent"}
    arrived = sorted(letter.recipient for letter in world.good.accepted)
    assert [address for address in arrived if GOOD in address] == sorted(set(PEOPLE) - set(THEIRS))
