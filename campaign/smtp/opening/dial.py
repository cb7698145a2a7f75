"""A TCP connection to the first address of a host that answers.

In: `Endpoint`.  Out: a connected, non-blocking socket.  Touches: the resolver of the system, TCP.
Fails: ConnectRefused; RelayError where this host does not have the source address any more.

Addresses are tried in the resolver's order with the families taking turns, the next one starting
when one has failed or kept silent for 250 ms (RFC 8305): an IPv6 black hole costs that much.
A source address connects only to addresses of its own family.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import zip_longest
from typing import Any

from campaign.errors import RelayError
from campaign.records import Stage
from campaign.smtp.endpoint import ConnectRefused, Endpoint

HEAD_START_S = 0.25  # RFC 8305, 5: Connection Attempt Delay
_BIND_ADDRESS_NO_PORT = 24  # Linux, ip(7); Python 3.11 has no name for it

Address = tuple[int, tuple[Any, ...]]  # family, sockaddr


async def dial(endpoint: Endpoint, timeout_s: float) -> socket.socket:
    """A socket connected within `timeout_s`; ConnectRefused with the reason otherwise."""
    async with answer_of(f"{endpoint.host} port {endpoint.port}", timeout_s):
        found = await _look_up(endpoint)
        return await first_to_answer(_reached(found, endpoint), endpoint.source)


@asynccontextmanager
async def answer_of(where: str, timeout_s: float) -> AsyncIterator[None]:
    """Gives the block so long to connect; ConnectRefused where it fails."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        raise ConnectRefused(
            f"{where} does not answer within {timeout_s:g} s", Stage.CONNECT
        ) from error
    except OSError as error:
        raise ConnectRefused(
            f"cannot connect to {where}: {_plain_words(error)}",
            Stage.CONNECT,
            errno=error.errno or 0,
        ) from error


def _plain_words(error: OSError) -> str:
    """What the system calls it; event loops put their own words in place of that."""
    return os.strerror(error.errno) if error.errno else str(error)


def is_reached(address: str, source: str) -> bool:
    """Can an IP address be reached from one of ours ("": whichever the system chooses)?"""
    return not source or (":" in address) == (":" in source)


def without_family(host: str, source: str) -> ConnectRefused:
    """Why a host cannot be reached from an address of ours."""
    family = "IPv6" if ":" in source else "IPv4"
    return ConnectRefused(
        f"{host} has no {family} address, and {source} reaches no other", Stage.CONNECT
    )


def _reached(addresses: list[Address], endpoint: Endpoint) -> list[Address]:
    """Those that the endpoint's source can reach; ConnectRefused where there are none."""
    reached = [each for each in addresses if is_reached(each[1][0], endpoint.source)]
    if not reached:
        raise without_family(endpoint.host, endpoint.source)
    return reached


async def first_to_answer(addresses: list[Address], source: str = "") -> socket.socket:
    """The first connection made; the OSError of the first address if none is."""
    pending: set[asyncio.Task[socket.socket]] = set()
    failure: BaseException | None = None
    waiting = list(addresses)
    try:
        while waiting or pending:
            if waiting:
                pending.add(asyncio.ensure_future(_connect(*waiting.pop(0), source)))
            done, pending = await asyncio.wait(
                pending,
                timeout=HEAD_START_S if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                if task.exception() is None:
                    return task.result()
                failure = failure or task.exception()
    finally:
        await _call_off(pending)
    raise failure or OSError("no address to connect to")


async def _look_up(endpoint: Endpoint) -> list[Address]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            endpoint.address or endpoint.host, endpoint.port, type=socket.SOCK_STREAM
        )
    except socket.gaierror as error:
        raise ConnectRefused(
            f"no address found for {endpoint.host}: {error.strerror}", Stage.CONNECT
        ) from error
    return in_turns([(family, address) for family, _, _, _, address in found])


def in_turns(addresses: list[Address]) -> list[Address]:
    """The same addresses with the families taking turns (RFC 8305, 4)."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    other = [address for address in addresses if address[0] != addresses[0][0]]
    turns = zip_longest(first, other)
    return [address for turn in turns for address in turn if address is not None]


async def _connect(family: int, address: tuple[Any, ...], source: str) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else 43 ms a letter
        if source:
            _bind(made, source)
        await asyncio.get_running_loop().sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made


def _bind(made: socket.socket, source: str) -> None:
    """The connection will come from `source`, and from whatever port is free when it is made.

    Without that option a port is taken for all destinations together, and they run out.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            made.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    try:
        made.bind((source, 0))
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        raise RelayError(
            f"this host cannot send from {source}: {_plain_words(error)}",
            remedy="give the host this address (`ip address` shows those it has), or take it out of"
            " addresses in [direct] or source in [relay]",
        ) from error


async def _call_off(pending: set[asyncio.Task[socket.socket]]) -> None:
    for task in pending:
        task.cancel()
    for task in pending:
        with suppress(asyncio.CancelledError, OSError, RelayError):
            (await task).close()
