"""Straight to the mail servers of a domain: one connection by a route.

In: a `Route`.  Out: an open `Connection`.  Touches: the network.

RFC 5321, 5.1: one host after another, until one greets us.  As Postfix has it: at most five
addresses (the route sees to that) and two sessions; a session is an address that answered.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address
from random import Random

from campaign.clock import Clock
from campaign.config.settings import Direct, Dns
from campaign.errors import RelayError
from campaign.records import Stage
from campaign.routing.destinations import Host, Route
from campaign.routing.mx import speaks_ipv6
from campaign.routing.resolver import Resolver
from campaign.routing.route import Router
from campaign.routing.tls.https import HttpsFetcher
from campaign.routing.tls.mta_sts import Policies
from campaign.routing.tls.tlsa import matches
from campaign.smtp.connection import Connection, Courier
from campaign.smtp.endpoint import ConnectRefused, Endpoint, Timeouts
from campaign.smtp.ends import End
from campaign.smtp.inspect import tls_facts
from campaign.smtp.opening.connect import connect
from campaign.smtp.opening.dial import (
    Address,
    answer_of,
    first_to_answer,
    is_reached,
    without_family,
)
from campaign.smtp.transcript import Transcript

MOST_SESSIONS = 2  # for one connection; Postfix's smtp_mx_session_limit

OpenTranscript = Callable[[str], Transcript | None]  # host name -> where its session is written


def make_router(dns: Dns, direct: Direct, clock: Clock, random: Random) -> Router:
    """The router that the settings describe.  ConfigError."""
    ipv6 = speaks_ipv6([source.address for source in direct.addresses])
    resolver = Resolver(dns.nameservers, clock=clock, timeout_s=dns.timeout)
    fetch = HttpsFetcher(resolver, allow_private=direct.allow_private, ipv6=ipv6)
    return Router(
        resolver,
        clock=clock,
        random=random,
        policies=Policies(resolver, fetch, clock),
        own_names=(direct.hello, *(hello for _, hello in direct.sources)),
        allow_private=direct.allow_private,
        ipv6=ipv6,
        port=direct.port,
    )


class Dialer:
    """Opens connections by one route; hand in a newer `route` when there is one."""

    def __init__(
        self,
        route: Route,
        direct: Direct,
        *,
        source: str = "",
        hello: str = "",
        random: Random,
        ca_file: str = "",
        open_transcript: OpenTranscript = lambda _host: None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.route = route
        self._direct = direct
        self._source = source  # our address; empty: the system chooses
        self._hello = hello or direct.hello
        self._random = random
        self._ca_file = ca_file  # PEM; empty: the system's store
        self._open_transcript = open_transcript
        self._timeouts = timeouts or Timeouts()

    async def dial(self, courier: Courier, limit: int) -> Connection:
        """A connection to the first host that takes us.

        ConnectRefused where none does, with what the last of them said; `reply` is that of the
        last one that gave any.
        """
        waiting: deque[tuple[Host, tuple[str, ...]]] = deque()
        refusals: list[ConnectRefused] = []
        for host in self._hosts():
            reached = tuple(to for to in host.addresses if is_reached(to, self._source))
            if reached:
                waiting.append((host, reached))
            else:
                refusals.append(without_family(host.name, self._source))
        sessions = 0
        while waiting and sessions < MOST_SESSIONS:
            host, addresses = waiting.popleft()
            line = _Line(addresses, self._direct.port)
            try:
                return await self._open(host, line, courier, limit)
            except ConnectRefused as error:
                refusals.append(error)
            except RelayError as error:  # no STARTTLS, or a certificate that is not good
                refusals.append(ConnectRefused(error.what, Stage.STARTTLS))
            if line.answered:
                sessions += 1
                if line.left:  # after all the other hosts
                    waiting.append((host, line.left))
        raise self._refused(refusals)

    def _hosts(self) -> list[Host]:
        """In order of preference; equal ones anew for each connection, to spread the load."""
        hosts = list(self.route.hosts)
        self._random.shuffle(hosts)
        return sorted(hosts, key=lambda host: host.preference)

    async def _open(self, host: Host, line: _Line, courier: Courier, limit: int) -> Connection:
        endpoint = Endpoint(
            name=host.name,
            host=host.name,
            port=self._direct.port,
            security="starttls" if host.tls.is_any else "opportunistic",
            hello=self._hello,
            source=self._source,
            verify=host.tls.is_verified,
            ca_file=self._ca_file,
        )
        guarded = _Probation(courier) if host.tls.tlsa else None
        connection = await connect(
            endpoint,
            guarded or courier,
            limit=limit,
            timeouts=self._timeouts,
            transcript=self._open_transcript(host.name),
            dial=line.dial,
        )
        if guarded:
            guarded.is_over = _is_vouched_for(connection, host)
        if guarded and not guarded.is_over:
            why = f"the certificate of {host.name} is not the one its DNS vouches for (DANE)"
            connection.abort(why)
            raise ConnectRefused(why, Stage.STARTTLS)
        return connection

    def _refused(self, refusals: list[ConnectRefused]) -> ConnectRefused:
        last = refusals[-1]
        spoken = next((error for error in reversed(refusals) if error.reply), last)
        return ConnectRefused(
            f"no mail server of {self.route.site} takes us: {spoken.what}",
            spoken.stage,
            spoken.reply,
            errno=last.errno,
        )


class _Line:
    """The addresses of one host, as `connect` dials them."""

    def __init__(self, addresses: tuple[str, ...], port: int) -> None:
        self.left = addresses  # after the one that answered
        self.answered = ""
        self._port = port

    async def dial(self, endpoint: Endpoint, timeout_s: float) -> socket.socket:
        """The first address that answers; when asked again (in clear text) the same one."""
        where = f"{endpoint.host} port {self._port}"
        tried = (self.answered,) if self.answered else self.left
        async with answer_of(where, timeout_s):
            found = [self._sockaddr(address) for address in tried]
            made = await first_to_answer(found, endpoint.source)
        if not self.answered:
            peer = ip_address(made.getpeername()[0])
            place = [ip_address(address) for address in tried].index(peer)
            self.answered, self.left = tried[place], tried[place + 1 :]
        return made

    def _sockaddr(self, address: str) -> Address:
        if ":" in address:
            return socket.AF_INET6, (address, self._port, 0, 0)
        return socket.AF_INET, (address, self._port)


class _Probation:
    """A courier that hears nothing of a connection whose certificate is not the right one."""

    def __init__(self, courier: Courier) -> None:
        self.is_over = False
        self.next_letter = courier.next_letter
        self.permit_dot = courier.permit_dot
        self.answered = courier.answered
        self.lost = courier.lost
        self._closed = courier.closed

    def closed(self, connection: Connection, end: End) -> None:
        if self.is_over:
            self._closed(connection, end)


def _is_vouched_for(connection: Connection, host: Host) -> bool:
    facts = tls_facts(connection)
    try:
        return facts is not None and matches(host.tls.tlsa, facts.chain, host.name)
    except ValueError:  # a certificate that cannot be read proves nothing
        return False
