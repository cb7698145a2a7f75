"""A policy file fetched over HTTPS.

In: a host name.  Out: the text of its policy file, or FetchError.  Touches: the DNS through the
resolver, TCP port 443.

RFC 8461, 3.3: the certificate is verified, redirects are not followed, 200 is the only yes.
"""

from __future__ import annotations

import asyncio
import io
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, cast

from campaign.routing.answers import DnsError
from campaign.routing.mx import find_addresses
from campaign.routing.resolver import Resolver
from campaign.routing.tls.mta_sts import MOST_BYTES, FetchError

if TYPE_CHECKING:
    import socket

PATH = "/.well-known/mta-sts.txt"
_MOST_TRIES = 2  # addresses of the web server
_TRY_S = 20.0


class HttpsFetcher:
    """Fetches policy files; `context` (an ssl.SSLContext) where the system's store will not do."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        allow_private: bool = False,
        ipv6: bool = True,
        context: Any = True,
        port: int = 443,
    ) -> None:
        self._resolver = resolver
        self._allow_private = allow_private
        self._ipv6 = ipv6
        self._context = context
        self._port = port

    async def __call__(self, host: str) -> str:
        """The policy file of `host`."""
        try:
            addresses = await find_addresses(
                self._resolver, host, ipv6=self._ipv6, allow_private=self._allow_private
            )
        except DnsError as error:
            raise FetchError(str(error)) from error
        why = f"{host} has no public address"
        for address in addresses.usable[:_MOST_TRIES]:
            try:
                async with asyncio.timeout(_TRY_S):
                    response = await self._get(host, address)
            except TimeoutError:
                why = f"{host} does not answer within {_TRY_S:g} s"
            except (OSError, asyncio.IncompleteReadError) as error:
                why = f"{host}: {error}"
            else:
                return read_response(response)
        raise FetchError(why)

    async def _get(self, host: str, address: str) -> bytes:
        reader, writer = await asyncio.open_connection(
            address, self._port, ssl=self._context, server_hostname=host
        )
        try:
            writer.write(
                f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\n"
                "User-Agent: campaign\r\nConnection: close\r\n\r\n".encode("ascii")
            )
            return await _read_all(reader)
        finally:
            writer.transport.abort()  # a polite end of TLS waits for theirs, which may not come
            with suppress(OSError):
                await writer.wait_closed()


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    """Everything until the server closes, as much as a policy may have."""
    parts: list[bytes] = []
    left = 2 * MOST_BYTES  # header block and policy
    while data := await reader.read(left):
        parts.append(data)
        left -= len(data)
        if left <= 0:
            raise FetchError(f"more than {MOST_BYTES // 1024} KB")
    return b"".join(parts)


def read_response(data: bytes) -> str:
    """The text in an HTTP response.  FetchError for anything but 200 and text/plain."""
    try:
        response = HTTPResponse(cast("socket.socket", _Received(data)))
        response.begin()
        if response.status != 200:
            raise FetchError(f"the web server says {response.status}, not 200")
        if response.headers.get_content_type() != "text/plain":
            raise FetchError("the policy is not text/plain")
        body = response.read(MOST_BYTES + 1)
        if response.length and len(body) <= MOST_BYTES:
            raise FetchError(f"the policy lacks its last {response.length} bytes")
    except (HTTPException, ValueError) as error:
        raise FetchError(f"no HTTP response: {error!r}") from error
    if len(body) > MOST_BYTES:
        raise FetchError(f"more than {MOST_BYTES // 1024} KB")
    return body.decode("utf-8", "replace")


class _Received:
    """What HTTPResponse reads from in place of a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)
