"""An open campaign whose journal is in PostgreSQL keeps its promises there too."""

from __future__ import annotations

from pathlib import Path

from fakes.open_campaigns import code, open_campaign
from fakes.postgresql import DatabaseServer
from fakes.recorder import recorder
from fakes.triggering import accept, audited, one_pass, results


def test_letters_are_accepted_once_and_sent_from_a_journal_on_a_server(
    tmp_path: Path, database: DatabaseServer
) -> None:
    journal = f'\n[journal]\nurl = "{database.new_database()}"\n'
    with recorder() as relay:
        campaign = open_campaign(tmp_path, port=relay.port, more=journal)
        first, again = accept(campaign, code(key="k"), code(key="k"))
        assert first.id == again.id
        accept(campaign, code("bob@example.com"))
        one_pass(campaign)
        accept(campaign, code("eve@example.com"))
        one_pass(campaign)
        assert set(relay.received.values()) == {1}
        assert len(relay.received) == 3
    assert [each.row for each in results(campaign)] == [1, 2, 3]
    assert {each.state for each in results(campaign)} == {"sent"}
    audited(campaign)
