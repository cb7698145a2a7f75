"""A page of figures on a port of its own.

In: where to listen, collectors.  Out: answers to GET /metrics.
Touches: a port, a thread.  Fails with UsageError where the port cannot be had.

It is a listener of its own, and not a page of `serve` or of the live page: those of `serve` are for
recipients, the live page needs a key, and figures are for the network of whoever operates all this.
Nothing in them is personal.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from campaign.clock import Clock
from campaign.errors import UsageError
from campaign.metrics.exposition import CONTENT_TYPE, Sample, expose

Collector = Callable[[], Iterable[Sample]]
PATH = "/metrics"
_FRESH_S = 1.0  # several who ask within a second get the same figures
_REQUEST_S = 10.0


class MetricsServer(ThreadingHTTPServer):
    """See the module."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], collectors: Sequence[Collector], clock: Clock
    ) -> None:
        self._collectors = collectors
        self._clock = clock
        self._lock = threading.Lock()
        self._page = b""
        self._made_s = -_FRESH_S
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def page(self) -> bytes:
        """The figures of this second."""
        with self._lock:
            now_s = self._clock.tick_s()
            if now_s - self._made_s >= _FRESH_S:
                samples = [sample for each in self._collectors for sample in each()]
                self._page, self._made_s = expose(samples).encode(), now_s
            return self._page

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes in the middle is nobody's trouble."""


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = _REQUEST_S
    server_version = "campaign"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self.send_error(404, explain=f"the figures are at {PATH}")
            return
        page = self.server.page()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """No log of requests."""


@contextmanager
def serving_metrics(
    host: str, port: int, collectors: Sequence[Collector], clock: Clock
) -> Iterator[str]:
    """The figures until the block ends; its value is their address.  `port` 0 takes a free one."""
    try:
        server = MetricsServer((host, port), collectors, clock)
    except OSError as trouble:
        raise UsageError(
            f"cannot listen on {host}:{port} for metrics: {trouble.strerror or trouble}",
            remedy="name another place: --metrics 127.0.0.1:9464",
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True, name="metrics")
    thread.start()
    shown = f"[{host}]" if ":" in host else host
    try:
        yield f"http://{shown}:{server.server_port}{PATH}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
