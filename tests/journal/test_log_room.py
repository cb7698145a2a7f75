"""journal.log_room: the log is long enough before a run needs it, and holds what it held."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from campaign.database.places import locate
from campaign.database.sqlite_files import CHECKPOINT_PAGES
from campaign.journal.reading.audit import audit
from campaign.journal.reading.reader import Reader
from campaign.journal.writing.log_room import LETTER_BYTES, make_room
from campaign.records import State
from fakes.journals import URL, open_journal, planned, run, sending, sent

LOG = "state/journal.sqlite-wal"


def test_a_run_has_a_log_as_long_as_its_letters_need_from_the_start(tmp_path: Path) -> None:
    journal = planned(tmp_path, 3000)
    sizes: list[int] = []
    rows = range(1, 3001)

    def look() -> None:
        sizes.append((tmp_path / LOG).stat().st_size)

    run(journal, map(sending, rows[:1500]), meanwhile=look, then=map(sent, rows[:1500]))
    assert sizes[0] >= 3000 * LETTER_BYTES
    assert audit(URL, tmp_path).is_clean


@pytest.mark.parametrize("letters", [0, 3, 10**9])
def test_a_log_is_lengthened_by_what_the_letters_need_and_never_beyond_a_checkpoint(
    tmp_path: Path, letters: int
) -> None:
    with closing(planned(tmp_path, 5)):
        log = tmp_path / LOG
        before = log.read_bytes()
        make_room(locate(URL, tmp_path), letters)
        after = log.read_bytes()
    assert after.startswith(before)
    assert after.count(0, len(before)) == len(after) - len(before)
    assert len(after) == min(len(before) + letters * LETTER_BYTES, 32 + CHECKPOINT_PAGES * 4120)


def test_what_is_in_a_lengthened_log_survives_a_crash(tmp_path: Path) -> None:
    journal = planned(tmp_path, 200)
    copy = tmp_path / "copy"

    def crash() -> None:
        shutil.copytree(tmp_path / "state", copy / "state")
        assert (copy / LOG).read_bytes()[-4096:] == bytes(4096)

    run(journal, map(sending, range(1, 101)), meanwhile=crash, then=map(sent, range(1, 101)))
    journal = open_journal(copy)
    assert [doubt.row for doubt in journal.recover_in_doubt("hold", 9.0)] == [*range(1, 101)]
    journal.close()
    assert audit(URL, copy).is_clean
    with closing(Reader.open(URL, copy)) as reader:
        assert reader.counts()[State.HELD] == 100
