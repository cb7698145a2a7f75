"""The server around the application.

In: an application, where to listen.  Out: served requests, until a signal.
Touches: a port or a Unix socket; the signals SIGINT and SIGTERM.

A client that is slow with its request is let go: the head must be there in 10 s, the body in 10 s
more (`asked.read_body`), and a connection may be idle for 15 s.  No log of requests is kept: their
addresses hold tokens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from campaign.errors import UsageError

HEAD_WITHIN_S = 10.0
_HEAD_BYTES = 128 * 1024  # some of the body may come with it
_IDLE_S = 15  # nginx keeps connections to us for as long as 60 s, and opens new ones
_SHUTDOWN_S = 10
UNIX = "unix:"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    app: ASGIApp,
    listen: str,
    proxies: Sequence[str],
    ready: Callable[[str], None],
    head_within_s: float = HEAD_WITHIN_S,
) -> None:
    """Until SIGINT or SIGTERM; what is being answered then is answered first.

    listen: HOST:PORT or unix:PATH; port 0 takes a free one
    proxies: whose X-Forwarded-For is believed
    ready: is called with the address once it is listened on
    Raises UsageError where that cannot be had.
    """
    listener = _listening(listen)
    try:
        config = uvicorn.Config(
            app,
            http=type("Patient", (PatientProtocol,), {"head_within_s": head_within_s}),
            ws="none",
            log_level="error",
            access_log=False,
            server_header=False,
            lifespan="on",
            forwarded_allow_ips="*" if listen.startswith(UNIX) else list(proxies),
            timeout_keep_alive=_IDLE_S,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
        ready(_shown(listener, listen))
        _OneClickServer(config).run(sockets=[listener])
    finally:
        listener.close()
        if listen.startswith(UNIX):
            Path(listen.removeprefix(UNIX)).unlink(missing_ok=True)


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose next request does not begin, or whose head does not end."""

    head_within_s = HEAD_WITHIN_S
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deadline is not None:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self.transport.abort()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait_for_head()

    def on_headers_complete(self) -> None:
        self._head_is_there()
        super().on_headers_complete()

    def _wait_for_head(self) -> None:
        self._head_is_there()
        self._deadline = self.loop.call_later(self.head_within_s, self.transport.abort)

    def _head_is_there(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            self._head_bytes = 0


class _OneClickServer(uvicorn.Server):
    """Ends with the exit code of the command, where uvicorn would die of the signal."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before: dict[int, Any] = {each: signal.signal(each, self.handle_exit) for each in _SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _listening(listen: str) -> socket.socket:
    try:
        if listen.startswith(UNIX):
            return _unix(Path(listen.removeprefix(UNIX)))
        host, _, port = listen.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        return socket.create_server(
            (host, int(port)),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=2048,
        )
    except OSError as trouble:
        raise UsageError(
            f"cannot listen on {listen}: {trouble.strerror}",
            remedy="name another place: `listen` in [serve], or --listen",
        ) from None


def _unix(path: Path) -> socket.socket:
    """A socket that a server which was killed left behind is taken away; a living one is not."""
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        os.chmod(path, 0o660)  # its group may connect: that of nginx
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _shown(listener: socket.socket, listen: str) -> str:
    if listen.startswith(UNIX):
        return listen
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
