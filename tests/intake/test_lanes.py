"""A code goes before the newsletter that is already on its way to the same relay.

What goes before what is read from the order in which the relay accepted it, so it does not matter
who is quicker.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from campaign.intake.requests import LetterRequest
from campaign.journal.reading.reader import Reader
from fakes.mail.recorder import Recorder, recorder
from fakes.prepared.open_campaigns import TOML, code, open_campaign
from fakes.prepared.triggering import (
    accept,
    audited,
    first_few,
    one_pass,
    results,
    running,
    wait_until,
)

ONE_CONNECTION = TOML.replace('security = "none"\n', 'security = "none"\nconnections = 1\n')
CODES = [f"code{number}@example.com" for number in range(5)]


def news(number: int) -> LetterRequest:
    return LetterRequest(to=f"p{number}@example.com", template="news")


def place(relay: Recorder, address: str) -> int:
    """How many recipients the relay had accepted before."""
    return list(relay.accepted).index(address)


def test_a_code_passes_hundreds_of_newsletters_which_all_arrive(
    tmp_path: Path, journal_toml: str
) -> None:
    with recorder(at_least_s=0.02) as relay:
        campaign = open_campaign(tmp_path, toml=ONE_CONNECTION, port=relay.port, more=journal_toml)
        accept(campaign, *map(news, range(600)))
        with running(campaign):
            wait_until(lambda: len(relay.accepted) > 5)
            accept(campaign, *map(code, CODES))
            wait_until(lambda: all(relay.accepted[each] for each in CODES))
            relay.at_once()
            wait_until(lambda: len(relay.accepted) == 605, within_s=60.0)
        # They came while 594 newsletters waited, which take the relay twelve seconds.
        assert max(place(relay, each) for each in CODES) < 300
        assert {each.state for each in results(campaign)} == {"sent"}
        audited(campaign)


def test_letters_that_were_left_by_a_run_go_first_in_the_next_one(tmp_path: Path) -> None:
    with recorder() as relay:
        campaign = open_campaign(tmp_path, toml=ONE_CONNECTION, port=relay.port)
        accept(campaign, *map(news, range(300)), *map(code, CODES[:2]))
        first_few(campaign, 1)
        first_few(campaign, 2)
    assert list(relay.accepted) == [*CODES[:2], "p0@example.com"]


def test_a_code_that_was_put_off_passes_the_newsletters_when_its_time_has_come(
    tmp_path: Path, journal_toml: str
) -> None:
    with recorder(at_least_s=0.01) as relay:
        toml = ONE_CONNECTION.replace('in_doubt = "hold"\n', 'in_doubt = "hold"\nretry = ["1s"]\n')
        campaign = open_campaign(tmp_path, toml=toml, port=relay.port, more=journal_toml)
        relay.puts_off = {"code@example.com": 1}
        accept(campaign, *map(news, range(1500)), code("code@example.com"))
        with running(campaign):
            wait_until(lambda: not relay.puts_off)
            wait_until(lambda: bool(relay.accepted["code@example.com"]))
        # A second of a relay that needs fifteen for them all.
        assert place(relay, "code@example.com") < 1000
    assert {each.attempts for each in results(campaign) if each.address == "code@example.com"} == {
        2
    }


def test_a_letter_that_comes_due_between_two_looks_is_not_slept_over(
    tmp_path: Path, journal_toml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came due after the feed had looked for it, and before the run asked who is due next: the
    answer was the letter of a far day, and the run slept until then, or ended."""
    is_finished = Reader.is_finished

    def until_it_is_due(reader: Reader) -> bool:
        due_s = reader.next_due(time.time())
        if due_s and due_s - time.time() < 10:
            time.sleep(max(0.0, due_s - time.time()) + 0.01)
        return is_finished(reader)

    monkeypatch.setattr(Reader, "is_finished", until_it_is_due)
    with recorder() as relay:
        toml = TOML.replace('in_doubt = "hold"\n', 'in_doubt = "hold"\nretry = ["1s"]\n')
        campaign = open_campaign(tmp_path, toml=toml, port=relay.port, more=journal_toml)
        relay.puts_off = {"code@example.com": 1}
        accept(campaign, code("later@example.com", send_at="2099-01-01T00:00:00Z"))
        accept(campaign, code("code@example.com"))
        one_pass(campaign)
    assert [each.state for each in results(campaign)] == ["deferred", "sent"]


def test_newsletters_keep_a_tenth_of_the_way_however_many_codes_come(tmp_path: Path) -> None:
    with recorder(at_least_s=0.005) as relay:
        campaign = open_campaign(tmp_path, toml=ONE_CONNECTION, port=relay.port)
        codes = [code(f"code{number}@example.com") for number in range(1300)]
        accept(campaign, *codes[:800], *map(news, range(150)), *codes[800:])
        with running(campaign):
            wait_until(lambda: _newsletters(relay.accepted) > 0, within_s=60.0)
            before = len(relay.accepted)
            wait_until(lambda: len(relay.accepted) > before + 400, within_s=60.0)
        order = list(relay.accepted)
        first = next(at for at, address in enumerate(order) if address.startswith("p"))
        assert _newsletters(order[first : first + 400]) >= 30


def _newsletters(addresses: Iterable[str]) -> int:
    return sum(address.startswith("p") for address in list(addresses))
