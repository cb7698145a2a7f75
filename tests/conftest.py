"""What every test relies on: no colour, no secrets from outside, hypothesis without a clock."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from fakes.servers.postgresql import NO_SERVER, PG_CTL, DatabaseServer, database_server

# HYPOTHESIS_PROFILE=fuzz makes the long form; a slow machine must not fail a test.  The short form
# takes the same examples each time: what it passed once it passes until the code changes.
settings.register_profile("short", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("fuzz", max_examples=10_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))


def pytest_collection_finish() -> None:
    """Thousands of tests are not garbage: no collection looks through them again."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CAMPAIGN_SECRET", "SMTP_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture(scope="session")
def database() -> Iterator[DatabaseServer]:
    """PostgreSQL, one for all tests of a process that need no more than an empty database."""
    if not PG_CTL.is_file():
        pytest.skip("needs PostgreSQL's server")
    with database_server() as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=NO_SERVER)])
def store_url(request: pytest.FixtureRequest) -> str:
    """Each kind of database that a store may live in, empty for every test."""
    if request.param == "sqlite":
        return "sqlite:///suppression.sqlite"
    pytest.importorskip("psycopg")
    server: DatabaseServer = request.getfixturevalue("database")
    return server.new_database()
