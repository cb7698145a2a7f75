"""A proxy that carries bytes to a server until it is told to fall silent.

In: the server's port.  Out: a port.  Touches: loopback ports, threads.

Silent, it takes what it is given, as a broken load balancer does: the kernel sees nothing wrong.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fakes.certificates import Pair


class SilentProxy:
    """See the module."""

    def __init__(self, target: int) -> None:
        self._target = target
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
                if not self._is_silent.is_set():
                    target.sendall(data)
            if not self._is_silent.is_set():
                target.shutdown(socket.SHUT_WR)


@contextmanager
def silent_proxy(target: int) -> Iterator[SilentProxy]:
    proxy = SilentProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()


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
