"""A page on loopback: started beside whatever else goes on, stopped with it.

In: an application.  Out: the address to open.  Touches: one port on 127.0.0.1, a thread.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from campaign.errors import UsageError
from campaign.pages.events import Bell
from campaign.pages.guard import Guard, door

HOST = "127.0.0.1"  # pages show personal data: never another
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class PageServer:
    """`start` returns when pages are served; `stop` ends the thread."""

    def __init__(self, app: ASGIApp, bell: Bell, port: int = 0) -> None:
        """`port` 0 takes a free one.  Raises UsageError if the port cannot be had."""
        self._key = secrets.token_urlsafe(12)
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            Guard(bell.counting(app), self._key),
            log_level="error",
            access_log=False,
            server_header=False,
            date_header=False,
            lifespan="on",
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config, bell)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pages", daemon=True)

    @property
    def url(self) -> str:
        """What to open, with its key."""
        return f"http://{HOST}:{self.port}/?key={self._key}"

    def start(self) -> None:
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._ready.wait(0.005)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self._ready.set()


class _Server(uvicorn.Server):
    """Lets open pages go before it waits for them."""

    def __init__(self, config: uvicorn.Config, bell: Bell) -> None:
        super().__init__(config)
        self._bell = bell

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._bell.silence()
        await super().shutdown(sockets)


def until_interrupted(server: PageServer, *, what: str, open_browser: bool) -> None:
    """Serve pages until Ctrl-C, from the main thread."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # before the thread starts, which inherits
    try:
        server.start()
        print(f"{what}: {server.url}")
        print("Ctrl-C ends it.", flush=True)
        with opened(server) if open_browser else contextlib.nullcontext():
            signal.sigwait(_SIGNALS)
        server.stop()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


@contextlib.contextmanager
def opened(server: PageServer) -> Iterator[None]:
    """The page in the browser of whoever sits here.

    What a browser is started with is read by every user of the machine, in the list of processes;
    so it is started with a file that this user alone can read, which leads to the address.
    """
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:  # mode 700
        file = Path(folder) / "page.html"
        file.write_text(door(server.url), encoding="utf-8")
        webbrowser.open(file.as_uri())
        yield


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as trouble:
        listener.close()
        raise UsageError(
            f"cannot listen on {HOST}:{port}: {trouble.strerror}",
            remedy="name another port; 0 takes a free one",
        ) from None
    return listener
