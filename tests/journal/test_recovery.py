"""Doubt, retries and settling from a log."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from campaign.errors import JournalError
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.reading.results import message_ids
from campaign.records import Change, State
from fakes.prepared.journals import URL, deferred, open_journal, outcome, planned, sending, sent


def test_a_recipient_found_in_sending_is_sent_again_at_most_twice_and_then_held(
    tmp_path: Path,
) -> None:
    journal = planned(tmp_path, 1)
    states = []
    for copy in range(3):
        journal.apply([sending(1, copy + 1, resends=copy)])
        [doubt] = journal.recover_in_doubt("resend", 100.0)
        assert (doubt.row, doubt.sendings, doubt.resends) == (1, copy + 1, copy)
        journal.close()
        with closing(ClaimReader.open(URL, tmp_path)) as reader:
            states.append(next(reader.results()).state)
        journal = open_journal(tmp_path)
    journal.close()
    assert states == ["deferred", "deferred", "held"]
    assert audit(URL, tmp_path).is_clean


def test_the_policy_hold_never_makes_a_second_copy(tmp_path: Path) -> None:
    journal = planned(tmp_path, 3)
    journal.apply([sending(1), sending(2), sent(2)])
    assert [doubt.row for doubt in journal.recover_in_doubt("hold", 9.0)] == [1]
    assert journal.recover_in_doubt("hold", 9.0) == []
    journal.close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        counts = reader.counts()
        assert (counts[State.HELD], counts[State.SENT], counts[State.PLANNED]) == (1, 1, 1)
        assert [doubt.address for doubt in reader.in_doubt()] == ["person1@example.com"]


def test_a_recipient_sent_again_is_due_at_once_and_keeps_its_counts(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    journal.apply([sending(1), deferred(1), sending(1, 2, at=70.0)])
    journal.recover_in_doubt("resend", 100.0)
    journal.close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        assert reader.claim_due(99.0, 10)[0] == []
        [claim], last = reader.claim_due(100.0, 10)
        assert (claim.attempts, claim.sendings, claim.resends, claim.first_at) == (1, 2, 1, 1.0)
        assert claim.state is State.DEFERRED
        assert reader.claim_due(100.0, 10, last) == ([], last)
        assert reader.next_due() == 100.0


def test_a_relays_log_settles_doubt_before_the_policy_is_applied(tmp_path: Path) -> None:
    journal = planned(tmp_path, 3)
    journal.apply([sending(1), sending(2), outcome(3, State.FAILED)])
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        record = reader.plan_record()
    accepted = {
        message_ids(record)("person2@example.com"): "4cAb: to=<person2>, status=sent",
        message_ids(record)("person3@example.com"): "not in doubt: stays as it is",
    }
    assert [doubt.row for doubt in journal.resolve(accepted, 9.0)] == [2]
    assert [doubt.row for doubt in journal.recover_in_doubt("hold", 10.0)] == [1]
    held = {message_ids(record)("person1@example.com"): "status=sent"}
    assert [doubt.row for doubt in journal.resolve(held, 11.0)] == [1]  # later, from held
    journal.close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        results = list(reader.results())
        assert [result.state for result in results] == ["sent", "sent", "failed"]
        assert results[1].reply == "4cAb: to=<person2>, status=sent"
    assert audit(URL, tmp_path).is_clean


def test_retry_puts_back_what_failed_with_a_new_schedule(tmp_path: Path) -> None:
    journal = planned(tmp_path, 3)
    refused = outcome(1, State.FAILED, 1, code=550, enhanced="5.1.1", attempts=4)
    journal.apply([sending(1), refused, outcome(2, State.EXPIRED)])
    assert journal.put_back({State.FAILED}, 10.0) == 1
    journal.close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        claim = reader.claim_planned(0, 1)[0]
        assert (claim.row, claim.attempts, claim.sendings, claim.first_at) == (1, 0, 1, 0.0)
        assert next(reader.results()).code == 550  # what a server said last is still known


@pytest.mark.parametrize(("code", "rows"), [("550", 2), ("5.1.1", 1), ("4.7.28", 0), ("", 3)])
def test_retry_can_ask_for_a_code(tmp_path: Path, code: str, rows: int) -> None:
    journal = planned(tmp_path, 3)
    journal.apply(
        [
            outcome(1, State.FAILED, code=550, enhanced="5.1.1"),
            outcome(2, State.FAILED, code=550),
            outcome(3, State.FAILED),
        ]
    )
    assert journal.put_back({State.FAILED}, 10.0, code=code) == rows
    journal.close()


def test_a_held_recipient_put_back_is_one_more_copy_by_order(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    journal.apply([sending(1)])
    journal.recover_in_doubt("hold", 9.0)
    assert journal.put_back({State.HELD}, 10.0) == 1
    journal.apply([sending(1, 2, resends=1), sent(1, 2, resends=1)])
    journal.close()
    assert audit(URL, tmp_path).is_clean


def test_what_was_sent_is_never_put_back(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    journal.apply([sending(1), sent(1)])
    with pytest.raises(JournalError):
        journal.put_back({State.SENT}, 10.0)
    journal.close()


def test_results_tell_the_last_answer_even_where_something_else_came_after(
    tmp_path: Path,
) -> None:
    journal = planned(tmp_path, 2)
    journal.apply(
        [
            sending(1),
            deferred(1),
            outcome(1, State.EXPIRED, 1, reason="not accepted within 24h", attempts=1),
        ]
    )
    journal.close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        expired, untouched = reader.results()
    assert (expired.state, expired.reason) == ("expired", "not accepted within 24h")
    assert (expired.code, expired.enhanced, expired.reply) == (451, "4.7.1", "Greylisted")
    assert expired.updated_at == "1970-01-01T00:00:03.000Z"
    assert expired.sent_at == ""
    assert (untouched.state, untouched.updated_at, untouched.code) == ("planned", "", 0)
    assert untouched.message_id.startswith("<")
    assert untouched.message_id.endswith("@example.com>")
    assert untouched.message_id != expired.message_id


def test_results_can_be_of_one_state(tmp_path: Path) -> None:
    journal = planned(tmp_path, 5000)
    journal.apply([sending(4999), sent(4999)])
    journal.close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        assert [result.row for result in reader.results(State.SENT)] == [4999]
        assert [result.row for result in reader.results()] == list(range(1, 5001))
        assert reader.counts()[State.PLANNED] == 4999


def test_who_waits_for_a_retry_is_brought_forward_with_attempts_and_reply_kept(
    tmp_path: Path,
) -> None:
    journal = planned(tmp_path, 3)
    journal.apply([sending(1), deferred(1, due=500.0), sending(2), sent(2)])
    assert journal.bring_forward(100.0) == 1
    assert journal.bring_forward(100.0) == 0
    journal.close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        [claim], _ = reader.claim_due(100.0, 10)
        assert (claim.row, claim.attempts) == (1, 1)
        result = next(reader.results(State.DEFERRED))
        assert result.class_ == "recipient-transient"
    assert audit(URL, tmp_path).is_clean


def test_who_was_deferred_for_our_own_limits_is_planned_again(tmp_path: Path) -> None:
    journal = planned(tmp_path, 3)
    never = Change(1, State.DEFERRED, 1.0, 0, 0, 0, due=9e9, reason="no room", class_="paced")
    tried = Change(2, State.DEFERRED, 2.0, 1, 1, 0, due=9e9, reason="no room", class_="paced")
    journal.apply([never, sending(2), deferred(2), tried, sending(3), deferred(3, due=9e9)])
    assert journal.bring_forward(100.0, classes=("paced", "dns")) == 2
    journal.close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        assert [claim.row for claim in reader.claim_planned(0, 10)] == [1]
        assert [claim.row for claim in reader.claim_due(100.0, 10)[0]] == [2]
    assert audit(URL, tmp_path).is_clean


@pytest.mark.parametrize(
    ("policy", "came", "state"),
    [
        ("hold", State.SENT, State.SENT),
        ("hold", State.FAILED, State.FAILED),
        ("hold", State.DEFERRED, State.PLANNED),  # it was not taken: nobody has a copy
        ("hold", State.EXPIRED, State.HELD),
        ("resend", State.SENT, State.SENT),
        ("resend", State.FAILED, State.FAILED),
        ("resend", State.DEFERRED, State.DEFERRED),
        ("resend", State.EXPIRED, State.DEFERRED),
    ],
)
def test_an_outcome_that_comes_after_the_letter_was_taken_over_is_taken_in_or_changes_nothing(
    tmp_path: Path, policy: str, came: State, state: State
) -> None:
    journal = planned(tmp_path, 1)
    journal.apply([sending(1)])
    journal.recover_in_doubt(policy, 5.0)
    journal.close()
    code = {State.SENT: 250, State.FAILED: 550}.get(came, 451)
    line = {"plan_id": "plan-1", "row": 1, "state": str(came), "at": 9.0, "attempts": 1}
    line |= {"sendings": 1, "resends": 0, "code": code, "class_": "accepted"}
    (tmp_path / "state/journal.sqlite.emergency.7").write_text(json.dumps(line) + "\n")
    assert audit(URL, tmp_path).is_clean
    open_journal(tmp_path).close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        [result] = reader.results()
    assert result.state == state
    assert audit(URL, tmp_path).is_clean


def test_a_refusal_that_comes_late_says_nothing_of_an_earlier_copy_in_doubt(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    journal.apply([sending(1)])
    journal.recover_in_doubt("resend", 5.0)
    journal.apply([sending(1, 2, resends=1)])
    journal.recover_in_doubt("hold", 6.0)
    journal.close()
    line = {"plan_id": "plan-1", "row": 1, "state": "deferred", "at": 9.0, "attempts": 2}
    line |= {"sendings": 2, "resends": 1, "code": 451}
    (tmp_path / "state/journal.sqlite.emergency.7").write_text(json.dumps(line) + "\n")
    open_journal(tmp_path).close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        [result] = reader.results()
    assert result.state == State.HELD
    assert audit(URL, tmp_path).is_clean


@pytest.mark.parametrize(
    ("came", "meanwhile", "state"),
    [
        (State.SENT, State.SENT, State.SENT),
        (State.SENT, State.DEFERRED, State.SENT),
        (State.SENT, State.FAILED, State.SENT),
        (State.SENT, State.HELD, State.SENT),
        (State.SENT, State.SENDING, State.SENT),
        (State.FAILED, State.SENT, State.SENT),
        (State.FAILED, State.DEFERRED, State.DEFERRED),
        (State.FAILED, State.HELD, State.HELD),
        (State.DEFERRED, State.SENT, State.SENT),
        (State.DEFERRED, State.HELD, State.HELD),
        (State.DEFERRED, State.SENDING, State.SENDING),
    ],
)
@pytest.mark.parametrize("at", [5.5, 9.0])
def test_an_outcome_that_comes_when_another_copy_went_out_says_at_most_that_its_own_was_accepted(
    tmp_path: Path, came: State, meanwhile: State, state: State, at: float
) -> None:
    """A worker was halted before it heard the answer; its successor has sent the letter again."""
    journal = planned(tmp_path, 1)
    journal.apply([sending(1)])
    journal.recover_in_doubt("resend", 5.0)
    journal.apply([sending(1, 2, resends=1, at=6.0)])
    if meanwhile is State.HELD:
        journal.recover_in_doubt("hold", 7.0)
    elif meanwhile is not State.SENDING:
        code = {State.SENT: 250, State.FAILED: 550}.get(meanwhile, 451)
        journal.apply([outcome(1, meanwhile, 2, resends=1, attempts=2, at=7.0, code=code)])
    journal.close()
    code = {State.SENT: 250, State.FAILED: 550}.get(came, 451)
    line = {"plan_id": "plan-1", "row": 1, "state": str(came), "at": at, "attempts": 1}
    line |= {"sendings": 1, "resends": 0, "code": code}
    (tmp_path / "state/journal.sqlite.emergency.7").write_text(json.dumps(line) + "\n")
    assert audit(URL, tmp_path).is_clean
    open_journal(tmp_path).close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        [result] = reader.results()
        assert result.attempts == (1 if meanwhile in {State.HELD, State.SENDING} else 2)
    assert result.state == state
    assert audit(URL, tmp_path).is_clean
