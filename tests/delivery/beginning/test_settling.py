"""A relay's log settles doubt where it proves something, and says where it does not."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.delivery.beginning.settling import settle_by
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.reader import Reader
from campaign.journal.reading.results import message_ids
from campaign.journal.states import IN_DOUBT
from campaign.journal.store import Journal
from campaign.records import Change, State
from fakes.prepared.campaigns import planned

T = datetime(2026, 11, 27, 10, 0, tzinfo=UTC).timestamp()
NOW = T + 3600
RELAY = "mx.example:25"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ada was sent; Bob and Li are in doubt since 10:00, one held, one refused when tried again."""
    planned(tmp_path)
    with closing(_open(tmp_path)) as journal:
        for change in (
            Change(1, State.SENDING, T - 5, 0, 1, 0, relay=RELAY),
            Change(1, State.SENT, T - 4, 1, 1, 0, class_="accepted", code=250, relay=RELAY),
            Change(2, State.SENDING, T, 0, 1, 0, relay=RELAY),
            Change(2, State.HELD, T + 1, 1, 1, 0, class_=IN_DOUBT, relay=RELAY, reason="in doubt"),
            Change(4, State.SENDING, T, 0, 1, 0, relay=RELAY),
            Change(4, State.DEFERRED, T + 1, 1, 1, 1, class_=IN_DOUBT, relay=RELAY),
            Change(4, State.FAILED, T + 2, 2, 1, 1, code=550, reason="550 no such user"),
        ):
            journal.apply([change])
    return tmp_path


def _open(folder: Path) -> Journal:
    url = load(folder).settings.journal.url
    return Journal.open(url, folder, clock=SystemClock(), create=False)


def _ids(folder: Path) -> dict[int, str]:
    with closing(Reader.open(load(folder).settings.journal.url, folder)) as reader:
        id_of = message_ids(reader.plan_record())
        return {result.row: id_of(result.key) for result in reader.results() if result.key}


def _log(
    folder: Path, *rows: int, first: float = T - 300, last: float = T + 700, zone_s: float = 0
) -> Path:
    """A log of Postfix that has these rows accepted at the time, and strangers before and after."""

    def line(at_s: float, text: str) -> str:
        stamp = datetime.fromtimestamp(at_s + zone_s, UTC)
        return f"{stamp:%b %d %H:%M:%S} mx {text}\n"

    ids = _ids(folder)
    lines = [line(first, "postfix/smtpd[1]: 0000000000: client=stranger[192.0.2.9]")]
    for number, row in enumerate(rows):
        queue_id = f"4F2A9C001{number}"
        at_s = T - 4 if row == 1 else T + 1
        lines.append(line(at_s, f"postfix/cleanup[8]: {queue_id}: message-id={ids[row]}"))
        lines.append(line(at_s, f"postfix/qmgr[9]: {queue_id}: from=<a@b.example> (queue active)"))
    lines.append(line(last, "postfix/smtpd[1]: 0000000001: client=stranger[192.0.2.9]"))
    path = folder / "mail.log"
    path.write_text("".join(lines))
    return path


def _settle(folder: Path, log: Path) -> tuple[str, dict[int, str]]:
    with closing(_open(folder)) as journal:
        said = settle_by(log, load(folder), journal, NOW)
    assert audit(load(folder).settings.journal.url, folder).is_clean
    with closing(Reader.open(load(folder).settings.journal.url, folder)) as reader:
        return said, {result.row: result.state for result in reader.results()}


def test_a_log_that_covers_the_time_proves_what_was_not_taken(folder: Path) -> None:
    said, states = _settle(folder, _log(folder, 1, 2))
    assert said == (
        "mail.log shows 1 of 2 recipients in doubt as accepted, and that 1 was not taken"
    )
    assert (states[2], states[4]) == ("sent", "failed")


def test_who_was_held_and_not_taken_is_planned_again(folder: Path) -> None:
    said, states = _settle(folder, _log(folder, 1))
    assert "0 of 2 recipients in doubt as accepted, and that 2 were not taken" in said
    assert (states[2], states[4]) == ("planned", "failed")
    with closing(Reader.open(load(folder).settings.journal.url, folder)) as reader:
        assert reader.in_doubt() == []


@pytest.mark.parametrize(
    "bounds",
    [{"first": T - 10}, {"first": T + 1}, {"last": T + 500}],
    ids=["late", "after", "ends"],
)
def test_a_log_that_does_not_cover_the_time_proves_nothing(
    folder: Path, bounds: dict[str, float]
) -> None:
    said, states = _settle(folder, _log(folder, 1, **bounds))
    assert "2 stay in doubt (bob@example.com, li@qq.example)" in said
    assert "does not prove it" in said
    assert (states[2], states[4]) == ("held", "failed")


def test_the_log_of_another_machine_proves_nothing(folder: Path) -> None:
    said, states = _settle(folder, _log(folder))
    assert "2 stay in doubt" in said
    assert states[2] == "held"


def test_a_log_in_another_zone_is_read_by_the_messages_that_are_in_it(folder: Path) -> None:
    said, states = _settle(folder, _log(folder, 1, zone_s=8 * 3600))
    assert "2 were not taken" in said
    assert states[2] == "planned"


def test_a_log_of_which_lines_were_left_out_proves_nothing(folder: Path) -> None:
    log = _log(folder, 1)
    with log.open("a") as file:
        file.write("Nov 27 10:00:05 mx journal: Suppressed 812 messages from postfix.service\n")
    said, _ = _settle(folder, log)
    assert "2 stay in doubt" in said


def test_a_list_of_message_ids_proves_only_what_it_names(folder: Path) -> None:
    listed = folder / "accepted.txt"
    listed.write_text(_ids(folder)[4] + "\n")
    said, states = _settle(folder, listed)
    assert said.startswith("accepted.txt shows 1 of 2 recipients in doubt as accepted; 1 stay")
    assert "only a log that covers the time can prove" in said
    assert (states[2], states[4]) == ("held", "sent")  # although it was refused when tried again


def test_times_with_a_zone_are_read_too(folder: Path) -> None:
    log = _log(folder, 1)
    full = []
    for line in log.read_text().splitlines():
        stamp = datetime.strptime("2026 " + line[:15], "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
        full.append(f"{stamp.isoformat()} {line[16:]}\n")
    log.write_text("".join(full))
    said, _ = _settle(folder, log)
    assert "2 were not taken" in said
