"""A proxy that carries bytes to a server until it is told to fall silent.

In: the server's port.  Out: a port.  Touches: loopback ports, threads.

Silent, it takes what it is given, as a broken load balancer does: the kernel sees nothing wrong.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


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
