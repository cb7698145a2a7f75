"""Open campaigns in both kinds of database.

In: a server of PostgreSQL where there is one.  Out: the [journal] of a campaign's file.
Touches: what the server keeps.
"""

from __future__ import annotations

import pytest

from fakes.servers.postgresql import NO_SERVER, DatabaseServer


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=NO_SERVER)])
def journal_toml(request: pytest.FixtureRequest) -> str:
    """Lines for the end of campaign.toml; each test has a database of its own."""
    if request.param == "sqlite":
        return ""
    server: DatabaseServer = request.getfixturevalue("database")
    return f'\n[journal]\nurl = "{server.new_database()}"\n'
