"""Doubt is never forgotten, and a letter that is sent again is the same letter."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.reading.results import message_ids
from campaign.journal.states import IN_DOUBT
from campaign.journal.store import Journal
from campaign.outcomes import Result
from campaign.records import Change, State
from fakes.prepared.journals import RECORD, URL, open_journal, outcome, planned, sending, sent

DOUBT = outcome(1, State.DEFERRED, 1, resends=1, class_=IN_DOUBT, reason="in doubt: no reply")
PUT_OFF = outcome(1, State.DEFERRED, 1, resends=1, class_="throttle", reason="cools down")
REFUSED = outcome(
    1, State.FAILED, 1, resends=1, class_="recipient-gone", code=550, reason="recipient-gone: 550"
)
WAYS = {
    "put off": (PUT_OFF,),
    "refused": (REFUSED,),
    "refused and put back": (REFUSED, outcome(1, State.PLANNED, 1, resends=1)),
    "expired": (outcome(1, State.EXPIRED, 1, resends=1, reason="no try was left"),),
    "suppressed": (outcome(1, State.SKIPPED, 1, resends=1, reason="suppressed"),),
    "greylisted": (PUT_OFF, sending(1, 2, resends=1), outcome(1, State.DEFERRED, 2, resends=1)),
}


def _in_doubt(folder: Path, *then: Change) -> Journal:
    journal = planned(folder, 1)
    for change in (sending(1), DOUBT, *then):
        journal.apply([change])
    return journal


def _result(folder: Path) -> Result:
    with closing(ClaimReader.open(URL, folder)) as reader:
        [result] = reader.results()
        return result


def _accepted(evidence: str = "Postfix 4F1: status=sent") -> dict[str, str]:
    return {message_ids(RECORD)("person1@example.com"): evidence}


@pytest.mark.parametrize("way", WAYS)
def test_doubt_stays_through_whatever_comes_until_a_log_settles_it(
    tmp_path: Path, way: str
) -> None:
    with closing(_in_doubt(tmp_path, *WAYS[way])) as journal:
        assert "may have a copy" in _result(tmp_path).reason
        assert any("whether 1 in doubt" in each for each in audit(URL, tmp_path).unknown)
        [doubt] = journal.resolve(_accepted(), 9.0)
        assert doubt.row == 1
        assert journal.resolve(_accepted(), 9.0) == []
    result = _result(tmp_path)
    assert (result.state, result.reason) == ("sent", "settled from the relay's log")
    assert audit(URL, tmp_path).is_clean


@pytest.mark.parametrize("way", WAYS)
def test_a_log_that_proves_that_nothing_was_taken_settles_doubt_too(
    tmp_path: Path, way: str
) -> None:
    with closing(_in_doubt(tmp_path, *WAYS[way])) as journal:
        before = _result(tmp_path)
        [doubt] = journal.settle_as_not_taken({1: "mail.log covers the time"}, 9.0)
        assert doubt.row == 1
        after = _result(tmp_path)
    assert after.state == before.state
    assert "not taken: mail.log covers the time" in after.reason
    assert "may have" not in after.reason
    assert audit(URL, tmp_path).is_clean


def test_who_was_held_and_has_no_copy_is_sent_to(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    journal.apply([sending(1)])
    journal.recover_in_doubt("hold", 5.0)
    journal.settle_as_not_taken({1: "mail.log covers the time"}, 9.0)
    assert _result(tmp_path).state == "planned"
    journal.apply([sending(1, 2)])
    journal.apply([sent(1, 2)])
    journal.close()
    assert _result(tmp_path).reason == ""
    assert audit(URL, tmp_path).is_clean


def test_whose_run_was_killed_and_has_no_copy_is_sent_to(tmp_path: Path) -> None:
    with closing(planned(tmp_path, 1)) as journal:
        journal.apply([sending(1)])
        journal.settle_as_not_taken({1: "mail.log covers the time"}, 9.0)
        assert journal.recover_in_doubt("hold", 10.0) == []
    assert _result(tmp_path).state == "deferred"
    assert audit(URL, tmp_path).is_clean


def test_of_a_second_copy_that_was_accepted_the_first_stays_in_doubt(tmp_path: Path) -> None:
    with closing(_in_doubt(tmp_path, sending(1, 2, resends=1))) as journal:
        journal.apply([sent(1, 2, resends=1)])
    result = _result(tmp_path)
    assert result.state == "sent"
    assert "may have a second copy" in result.reason
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        assert reader.in_doubt() == []  # it was sent: there is nothing left to decide


def test_a_person_who_sends_again_what_is_held_sends_a_copy_that_counts(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    journal.apply([sending(1)])
    journal.recover_in_doubt("hold", 5.0)
    assert journal.put_back({State.HELD}, 6.0) == 1
    assert "may have a copy" in _result(tmp_path).reason
    journal.apply([sending(1, 2, resends=1)])
    journal.apply([sent(1, 2, resends=1)])
    journal.close()
    assert audit(URL, tmp_path).is_clean


def _date(folder: Path, *, due: bool = True) -> float:
    with closing(ClaimReader.open(URL, folder)) as reader:
        [claim] = reader.claim_rows([1], State.DEFERRED if due else State.PLANNED)
        return claim.date_s


def _dated(nth: int, date_s: float, resends: int = 0) -> Change:
    return Change(1, State.SENDING, 1.0, 0, nth, resends, relay="relay", date_s=date_s)


def test_the_date_of_the_first_dot_is_kept_for_later_attempts(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    assert _date(tmp_path, due=False) == 0.0
    journal.apply([_dated(1, 1000.0)])
    journal.apply([outcome(1, State.DEFERRED, 1, code=451)])
    assert _date(tmp_path) == 1000.0
    journal.apply([_dated(2, 1000.0)])
    journal.close()
    journal = open_journal(tmp_path)
    journal.recover_in_doubt("resend", 5.0)
    journal.close()
    assert _date(tmp_path) == 1000.0


def test_a_letter_that_nobody_can_have_is_dated_anew_when_it_is_put_back(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    journal.apply([_dated(1, 1000.0)])
    journal.apply([outcome(1, State.FAILED, 1, code=550)])
    journal.put_back({State.FAILED}, 6.0)
    assert _date(tmp_path, due=False) == 0.0
    journal.close()


def test_a_letter_that_somebody_may_have_stays_the_same_when_it_is_put_back(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    journal.apply([_dated(1, 1000.0)])
    journal.recover_in_doubt("hold", 5.0)
    journal.put_back({State.HELD}, 6.0)
    assert _date(tmp_path, due=False) == 1000.0
    journal.close()


def test_the_date_outlives_the_process_that_fixed_it(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    journal.apply([_dated(1, 1000.0), outcome(1, State.DEFERRED, 1)])
    journal.close()
    assert _date(tmp_path) == 1000.0
