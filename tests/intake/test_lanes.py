"""A code goes before the newsletter that is already on its way to the same relay."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from campaign.intake.requests import LetterRequest
from campaign.journal.reading.reader import Reader
from fakes.mail.recorder import Recorder, recorder
from fakes.prepared.open_campaigns import TOML, code, open_campaign
from fakes.prepared.triggering import accept, audited, one_pass, results, running, wait_until

ONE_CONNECTION = TOML.replace('security = "none"\n', 'security = "none"\nconnections = 1\n')


def news(number: int) -> LetterRequest:
    return LetterRequest(to=f"p{number}@example.com", template="news")


def test_a_code_passes_hundreds_of_newsletters_which_all_arrive(
    tmp_path: Path, journal_toml: str
) -> None:
    with recorder(at_least_s=0.01) as relay:
        campaign = open_campaign(tmp_path, toml=ONE_CONNECTION, port=relay.port, more=journal_toml)
        accept(campaign, *map(news, range(600)))
        with running(campaign):
            wait_until(lambda: len(relay.accepted) > 5)
            accept(campaign, *[code(f"code{number}@example.com") for number in range(5)])
            before = len(relay.accepted)
            wait_until(lambda: all(relay.accepted[f"code{n}@example.com"] for n in range(5)))
            # What was accepted meanwhile, by a relay that takes a letter each 10 ms at most.
            assert len(relay.accepted) - before < 100
            wait_until(lambda: len(relay.accepted) == 605, within_s=60.0)
        assert {each.state for each in results(campaign)} == {"sent"}
        audited(campaign)


def test_letters_that_were_left_by_a_run_go_first_in_the_next_one(tmp_path: Path) -> None:
    with recorder(at_least_s=0.01) as relay:
        campaign = open_campaign(tmp_path, toml=ONE_CONNECTION, port=relay.port)
        accept(campaign, *map(news, range(300)), code("code@example.com"))
        with running(campaign):
            wait_until(lambda: bool(relay.accepted["code@example.com"]))
            assert len(relay.accepted) < 150


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
            # A second of a relay that takes a letter each 10 ms at most, and what was in memory.
            assert len(relay.accepted) < 400
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
        codes = [code(f"code{number}@example.com") for number in range(2500)]
        accept(campaign, *codes[:1700], *map(news, range(300)))
        accept(campaign, *codes[1700:])
        with running(campaign):
            wait_until(lambda: _newsletters(relay) > 0, within_s=60.0)  # the run has taken some
            before = len(relay.accepted)
            wait_until(lambda: len(relay.accepted) > before + 800, within_s=60.0)
            assert _newsletters(relay) > 60


def _newsletters(relay: Recorder) -> int:
    return sum(address.startswith("p") for address in list(relay.accepted))
