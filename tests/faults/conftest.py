"""Servers for the faults: scripted ones, stopped with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fakes.certificates import Authority
from fakes.mail.dns_server import dns_server
from fakes.mail.internet import GOOD, ServerAt, World
from fakes.mail.scripted_smtp import Script, ScriptedServer
from fakes.prepared.sending import Ending, Mailing, relay


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Start servers with these rules; they are stopped with the test."""
    with ExitStack() as stack:
        yield lambda *rules, **how: stack.enter_context(ScriptedServer(Script(*rules, **how)))


@pytest.fixture
def through(
    serve: Callable[..., ScriptedServer], tmp_path: Path
) -> Callable[..., tuple[Ending, ScriptedServer]]:
    """Send a small campaign through one relay with these rules.

    `script` are fields of the script, `relay` those of the relay, `options` those of the run,
    the rest those of the mailing.
    """

    def go(*rules: Any, **how: Any) -> tuple[Ending, ScriptedServer]:
        server = serve(*rules, **how.pop("script", {}))
        way = relay(server, **how.pop("relay", {}))
        options = how.pop("options", {})
        return Mailing(tmp_path, way, **how).send(**options), server

    return go


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        dns = stack.enter_context(dns_server())
        good = stack.enter_context(ServerAt(Script(), "127.0.0.1", 0))
        made = World(dns, tmp_path, stack, good)
        made.at(GOOD, 1)
        yield made
