"""A web server on loopback that is told things by webhooks, and answers as its script says.

In: what to answer, for each request.  Out: its url, the requests it got, verified.
Touches: one loopback port, a thread for each connection.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Call:
    """One request."""

    id: str
    fields: Mapping[str, str]
    body: bytes
    connection: int  # the client's port

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def kind(self) -> str:
        return str(self.told["type"])

    @property
    def row(self) -> int:
        return int(self.told["data"]["row"])


Answering = Callable[[Call], int | tuple[int, Mapping[str, str]]]


class HookServer(ThreadingHTTPServer):
    """`calls` are all requests, `taken` those that were answered with 2xx."""

    daemon_threads = True

    def __init__(self, answer: Answering) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.calls: list[Call] = []
        self.taken: list[Call] = []
        self.changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks"

    def wait_for(self, is_so: Callable[[HookServer], bool], seconds: float = 60.0) -> None:
        """Until it is so."""
        with self.changed:
            assert self.changed.wait_for(lambda: is_so(self), seconds), len(self.calls)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed leaves in the middle."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HookServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fields = {name.lower(): value for name, value in self.headers.items()}
        call = Call(fields.get("webhook-id", ""), fields, body, self.client_address[1])
        with self.server.changed:
            self.server.calls.append(call)
            self.server.changed.notify_all()
        answered = self.server.answer(call)
        status, more = answered if isinstance(answered, tuple) else (answered, {})
        with self.server.changed:
            if 200 <= status < 300:
                self.server.taken.append(call)
            self.server.changed.notify_all()
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def hook_server(answer: Answering = lambda call: 204) -> Iterator[HookServer]:
    """Until the block ends."""
    server = HookServer(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
