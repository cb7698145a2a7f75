"""A proxy that carries bytes to a server, late where it is told to, until it is to fall silent.

In: the server's port.  Out: a port.  Touches: loopback ports, threads.

Silent, it takes what it is given, as a broken load balancer does: the kernel sees nothing wrong.
"""

from __future__ import annotations

import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from fakes.certificates import Pair


class SilentProxy:
    """See the module."""

    def __init__(self, target: int, late_s: Callable[[], float]) -> None:
        self._target = target
        self._late_s = late_s
        self._is_silent = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self._spawn(self._accept)

    def fall_silent(self) -> None:
        """Nothing comes back from here on."""
        self._is_silent.set()

    def close(self) -> None:
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def _spawn(self, function: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                self._spawn(self._carry, client, server)
                self._spawn(self._carry, server, client)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if late_s := self._late_s():
                    time.sleep(late_s)
                if not self._is_silent.is_set():
                    target.sendall(data)
            if not self._is_silent.is_set():
                target.shutdown(socket.SHUT_WR)


@contextmanager
def silent_proxy(target: int, late_s: Callable[[], float] = lambda: 0.0) -> Iterator[SilentProxy]:
    """`late_s`: how long what has come is kept before it is passed on, each way."""
    proxy = SilentProxy(target, late_s)
    try:
        yield proxy
    finally:
        proxy.close()


def far_road(way_s: float, loss: float, seed: int) -> Callable[[], float]:
    """How late bytes are on a road of that length, of whose packets so many are lost: TCP sends
    one again after 0.2 s (Linux; RFC 6298 would have 1 s), and keeps back all that follow."""
    dice = random.Random(seed)
    return lambda: way_s + (0.2 if dice.random() < loss else 0.0)


class TlsFront:
    """Speaks TLS to whoever comes and passes the bytes on in clear text, as nginx stands before
    `campaign serve`; one after another."""

    def __init__(self, certificate: Pair) -> None:
        self.target = 0  # port of the server behind it
        self._context = certificate.server_context()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            with (
                suppress(OSError),
                self._context.wrap_socket(plain, server_side=True) as client,
                socket.create_connection(("127.0.0.1", self.target), timeout=10) as server,
            ):
                self._carry(client, server)

    def _carry(self, client: ssl.SSLSocket, server: socket.socket) -> None:
        """A request with its body, then all that is answered."""
        request = client.recv(65536)
        head, _, body = request.partition(b"\r\n\r\n")
        size = re.search(rb"content-length: (\d+)", head.lower())
        while size and len(body) < int(size[1]):
            more = client.recv(65536)
            request, body = request + more, body + more
        server.sendall(request)
        while data := server.recv(65536):
            client.sendall(data)


@contextmanager
def tls_front(certificate: Pair) -> Iterator[TlsFront]:
    """A running one; its `target` is to be set before anybody comes."""
    front = TlsFront(certificate)
    try:
        yield front
    finally:
        front.close()
