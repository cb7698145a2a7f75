"""A disk that is really full: a small tmpfs, for which the test must be root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.errors import JournalError
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.reader import Reader
from campaign.journal.writing.emergency import EmergencyFile, read_kept
from campaign.records import State
from fakes.prepared.journals import URL, open_journal, planned, run, sending, sent

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a disk needs root")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    mounting = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(tmp_path)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def _fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            return


def test_outcomes_have_room_on_a_full_disk_and_the_next_start_takes_them_in(disk: Path) -> None:
    journal = planned(disk, 2000)
    rows = range(1, 2001)
    durable, [failure] = run(
        journal, map(sending, rows), meanwhile=lambda: _fill(disk), then=map(sent, rows)
    )
    assert durable == list(rows)
    assert "the disk is full" in str(failure)
    assert failure.exit_code == 74
    (disk / "ballast").unlink()
    journal = open_journal(disk)
    assert journal.recovered == 2000
    assert journal.recover_in_doubt("resend", 9.0) == []
    journal.close()
    with closing(Reader.open(URL, disk)) as reader:
        assert reader.counts()[State.SENT] == 2000
    assert audit(URL, disk).is_clean


def test_nothing_is_started_where_outcomes_would_have_no_room(disk: Path) -> None:
    journal = planned(disk, 10)
    _fill(disk)
    with pytest.raises(JournalError) as refused:
        run(journal, [sending(1)])
    journal.close()
    assert refused.value.exit_code == 74
    (disk / "ballast").unlink()
    with closing(Reader.open(URL, disk)) as reader:
        assert reader.counts()[State.PLANNED] == 10


def test_what_is_kept_on_a_full_disk_is_whole_lines(disk: Path) -> None:
    (disk / "state").mkdir()
    path = disk / "state/journal.emergency"
    file = EmergencyFile(path, "plan")
    file.reserve()
    _fill(disk)
    many = [sent(row) for row in range(1, 20_000)]
    with pytest.raises(OSError, match="No space left"):
        file.keep(many)
    (disk / "ballast").unlink()
    file.keep([sent(77_777)])
    file.close()
    rows = [change.row for change in read_kept(path, "plan")]
    assert rows == [*range(1, len(rows)), 77_777]
    assert len(rows) > 1000
