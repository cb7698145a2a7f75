"""What Gmail and Outlook.com tell a sender, from one web server on loopback.

In: answers by path.  Out: its address, the requests it got.  Touches: one thread, one socket.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class AskedProvider(NamedTuple):
    """One request."""

    method: str
    path: str
    authorization: str
    body: Any


class ProviderServer:
    """See `provider_server`."""

    def __init__(self) -> None:
        self.asked: list[AskedProvider] = []
        self.answers: dict[str, tuple[int, bytes]] = {}  # by path without query
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                server.asked.append(
                    AskedProvider(
                        self.command, self.path, self.headers.get("Authorization", ""), body
                    )
                )
                status, text = server.answers.get(self.path.partition("?")[0], (404, b"{}"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def say(self, path: str, answer: object, status: int = 200) -> None:
        """JSON, or text as it is."""
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.answers[path] = (status, text.encode())

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


@contextmanager
def provider_server() -> Iterator[ProviderServer]:
    """A running one."""
    server = ProviderServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
