"""The domains of a plan, counted once: every run shows them.

In: a plan whose rows have their states.  Out: the table `domains`.  Touches: the database.
"""

from __future__ import annotations

from campaign.database.sql import Connection, text
from campaign.journal.schema import LISTED_DOMAINS

_COUNTED = (
    "INSERT INTO domains (place, domain, recipients)"
    " SELECT ROW_NUMBER() OVER (ORDER BY n DESC, domain), domain, n FROM"
    " (SELECT r.domain AS domain, count(*) AS n FROM recipients r"
    " JOIN standings s ON s.row = r.row WHERE s.state <> 'skipped' GROUP BY r.domain"
    " ORDER BY n DESC, r.domain LIMIT :most) d"
)


def write_domains(connection: Connection) -> None:
    """The largest domains into their table, without those who are skipped."""
    connection.execute(text("DELETE FROM domains"))
    connection.execute(text(_COUNTED), {"most": LISTED_DOMAINS})
