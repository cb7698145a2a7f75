"""`campaign serve --api` as a process, and an application that asks it.

In: an open campaign.  Out: answers.  Touches: one process, loopback.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

KEY = "0123456789abcdef0123456789abcdef"
CODE_KEY = "fedcba9876543210fedcba9876543210"  # may ask for codes only
SERVE = """
[serve]
api_keys = [
  { env = "SHOP_KEY", label = "shop" },
  { env = "CODE_KEY", label = "codes", templates = ["code"] },
]
"""
LETTER = {"template": "code", "to": "ada@example.com", "data": {"code": "1234"}}


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    said: Any


@dataclass
class ApiServer:
    """A running server; it may be killed and started again at the same port."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None
    output: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Returns when it accepts letters."""
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "campaign.cli.main", "serve", str(self.folder), "--api",
                "--listen", f"127.0.0.1:{self.port}",
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"SHOP_KEY": KEY, "CODE_KEY": CODE_KEY},
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "Accepting letters on" in line, line
        self.port = int(line.split(";")[0].rpartition(":")[2])

    def kill(self) -> None:
        """As a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """As a supervisor does; its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(how)
        code = self.process.wait(30)
        self.process.stdout.close()
        self.process = None
        return code

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = KEY,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own; `body` is JSON, or bytes as they are."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            fields = {"Authorization": f"Bearer {key}"} if key else {}
            connection.request(method, path, sent, fields | (headers or {}))
            answer = connection.getresponse()
            raw = answer.read()
            is_json = answer.headers.get("content-type", "").startswith("application/json")
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, found, json.loads(raw) if is_json else raw.decode())
        finally:
            connection.close()

    def post(self, body: Any, *, idempotency: str = "", path: str = "/v1/messages") -> Answer:
        """Ask for a letter."""
        headers = {"Idempotency-Key": idempotency} if idempotency else {}
        return self.ask("POST", path, body, headers=headers)


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """Runs until the block ends."""
    server = ApiServer(folder)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None:
            server.kill()
