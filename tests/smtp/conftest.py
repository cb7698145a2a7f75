"""Servers and journeys for the tests of the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from campaign.records import Letter
from fakes.certificates import Authority
from fakes.mail.postman import Postman, endpoint_of, letter, run
from fakes.mail.scripted_smtp import Script, ScriptedServer


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def serve() -> Iterator[Callable[[Script], ScriptedServer]]:
    """Start servers that are stopped with the test."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(ScriptedServer(script))


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def uv(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def journey(
    serve: Callable[[Script], ScriptedServer], uv: bool
) -> Callable[..., tuple[Postman, ScriptedServer]]:
    """Send letters to a server with this script; on both event loops."""

    def go(
        script: Script, letters: list[Letter] | int = 3, **how: Any
    ) -> tuple[Postman, ScriptedServer]:
        server = serve(script)
        endpoint = endpoint_of(server.port, **how.pop("endpoint", {}))
        many = (
            [letter(row) for row in range(1, letters + 1)] if isinstance(letters, int) else letters
        )

        async def main() -> Postman:
            return await Postman(many).travel(endpoint, **how)

        return run(main(), uv=uv), server

    return go
