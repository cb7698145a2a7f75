"""What the server of a shared journal must be, and what is said where it may not be.

In: a session.  Out: sentences.  Touches: nothing; it asks.

That a commit is durable on this server, and that no pooler lends sessions out, is demanded of every
session when it begins.  What a server cannot promise for its standbys can only be said.
"""

from __future__ import annotations

from campaign.database.sql import Connection, text


def warnings(connection: Connection) -> list[str]:
    """What whoever runs the server should know; [] where nothing is to be said."""
    found = []
    standbys, named, waits = connection.execute(
        text(
            "SELECT (SELECT count(*) FROM pg_stat_replication),"
            " current_setting('synchronous_standby_names'), current_setting('synchronous_commit')"
        )
    ).one()
    connection.rollback()
    if standbys and not named:
        found.append(
            "the journal's server has standbys, and commits do not wait for them"
            " (synchronous_standby_names is empty): after a failover outcomes of the last moments"
            " may be missing, and those letters would go again"
        )
    elif standbys and waits not in ("on", "remote_apply"):
        found.append(f"commits wait for standbys with synchronous_commit = {waits} only")
    return found
