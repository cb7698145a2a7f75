"""A web server on loopback that gives one prepared response to everybody, over TLS.

In: a certificate, bytes.  Out: its port, the requests it got.  Touches: one thread, one socket.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

from fakes.certificates import Pair


class WebServer:
    """See `web_server`."""

    def __init__(self, certificate: Pair, response: bytes, *, closes: bool) -> None:
        self.requests: list[str] = []
        self.response = response
        self._closes = closes
        self._held: list[ssl.SSLSocket] = []
        self._context = certificate.server_context()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()
        for connection in self._held:
            connection.close()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            plain.settimeout(5)
            with contextlib.suppress(OSError):  # the client goes when it likes
                self._respond(self._context.wrap_socket(plain, server_side=True))

    def _respond(self, connection: ssl.SSLSocket) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            self.requests.append(connection.recv(65536).decode())
            connection.sendall(self.response)
            if self._closes:
                connection.unwrap()
            else:
                self._held.append(connection)
                stack.pop_all()


@contextlib.contextmanager
def web_server(certificate: Pair, response: bytes, *, closes: bool = True) -> Iterator[WebServer]:
    """Until the block ends; `closes` False: it never ends a connection."""
    server = WebServer(certificate, response, closes=closes)
    server.start()
    try:
        yield server
    finally:
        server.stop()
