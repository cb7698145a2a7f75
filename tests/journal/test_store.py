"""Opening a journal: one runner, one place, never over another."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from campaign.database.places import filesystem_of, locate, refuse_network_filesystem
from campaign.errors import ConfigError, JournalBusy, JournalError
from campaign.journal.holding.lock import Runner
from campaign.journal.reading.glance import glance
from campaign.journal.reading.reader import Reader
from campaign.records import Change, State
from fakes.clock import FakeClock
from fakes.prepared.journals import (
    URL,
    entry,
    open_journal,
    people,
    plan_into,
    planned,
    run,
    sending,
    sent,
)

MOUNTS = r"""22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /home/ada/my\040files rw shared:9 - nfs4 server:/export rw
31 22 0:26 / /home/ada/my\040files/local rw shared:9 - xfs /dev/vdb rw
"""


def test_a_second_runner_is_refused_and_told_who_holds_the_journal(tmp_path: Path) -> None:
    with closing(planned(tmp_path, 1)), pytest.raises(JournalBusy) as refused:
        open_journal(tmp_path)
    assert f"process {os.getpid()} on " in str(refused.value)
    assert "since 2027-01-15T08:00:00.000Z" in str(refused.value)
    assert refused.value.exit_code == 75


def test_the_lock_is_free_after_closing_and_stays_one_file(tmp_path: Path) -> None:
    planned(tmp_path, 1).close()
    inode = (tmp_path / "state/journal.sqlite.lock").stat().st_ino
    open_journal(tmp_path).close()
    assert (tmp_path / "state/journal.sqlite.lock").stat().st_ino == inode


def test_the_lock_of_a_killed_runner_is_free(tmp_path: Path) -> None:
    planned(tmp_path, 1).close()
    program = (
        "import os, signal, sys; sys.path.insert(0, 'tests')\n"
        "from pathlib import Path\n"
        "from fakes.prepared.journals import open_journal\n"
        f"journal = open_journal(Path({str(tmp_path)!r}))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -9
    open_journal(tmp_path).close()


def test_a_render_worker_does_not_inherit_the_lock(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    context = multiprocessing.get_context("spawn")
    gate = context.Event()
    worker = context.Process(target=gate.wait)
    worker.start()
    journal.close()
    open_journal(tmp_path).close()
    gate.set()
    worker.join()
    worker.close()


def test_the_last_run_is_told(tmp_path: Path) -> None:
    clock = FakeClock(wall=1000.0)
    journal = open_journal(tmp_path, create=True, clock=clock)
    plan_into(journal, people(1))
    assert journal.last_run() is None
    clock.wall = 2000.0
    run(journal, [sending(1, at=2001.0)])
    with closing(open_journal(tmp_path)) as journal:
        last = journal.last_run()
    this = Runner.this_process(0.0)
    assert last is not None
    assert (last.host, last.boot_id, last.pid) == (this.host, this.boot_id, os.getpid())
    assert (last.started_s, last.ended_s, last.how) == (2000.0, 2000.0, "closed")
    assert last.last_change_s == 2001.0


def test_a_run_that_never_said_goodbye_shows(tmp_path: Path) -> None:
    planned(tmp_path, 2).close()
    program = (
        "import asyncio, os, signal, sys; sys.path.insert(0, 'tests')\n"
        "from pathlib import Path\n"
        "from fakes.prepared.journals import open_journal, sending\n"
        "async def main():\n"
        f"    journal = open_journal(Path({str(tmp_path)!r}))\n"
        "    writer = journal.start(asyncio.get_running_loop(), print)\n"
        "    writer.write(sending(2))\n"
        "    await writer.drain()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    with closing(open_journal(tmp_path)) as journal:
        last = journal.last_run()
        assert last is not None
        assert (last.ended_s, last.how) == (0.0, "")
        assert [doubt.row for doubt in journal.recover_in_doubt("resend", 5.0)] == [2]


def test_without_a_journal_there_is_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"no journal at .*campaign plan"):
        open_journal(tmp_path)
    with pytest.raises(JournalError, match="no journal at"):
        Reader.open(URL, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["-wal", ".emergency"])
@pytest.mark.parametrize("create", [True, False])
def test_a_journal_is_never_made_over_what_is_left_of_another(
    tmp_path: Path, suffix: str, create: bool
) -> None:
    planned(tmp_path, 1).close()
    (tmp_path / "state/journal.sqlite").unlink()
    (tmp_path / f"state/journal.sqlite{suffix}").write_bytes(b"something")
    with pytest.raises(JournalError, match="is gone, but"):
        open_journal(tmp_path, create=create)


def test_a_journal_that_once_ran_and_is_gone_is_missed(tmp_path: Path) -> None:
    run(planned(tmp_path, 1), [sending(1), sent(1)])
    (tmp_path / "state/journal.sqlite").unlink()
    with pytest.raises(JournalError, match="is gone, but"):
        open_journal(tmp_path, create=True)


def test_a_rehearsal_can_be_forgotten_and_begun_anew(tmp_path: Path) -> None:
    planned(tmp_path, 3).forget()
    with closing(planned(tmp_path, 1)), closing(Reader.open(URL, tmp_path)) as reader:
        assert reader.total() == 1


def test_a_rehearsal_that_is_just_being_forgotten_is_busy_and_not_missed(tmp_path: Path) -> None:
    journal = planned(tmp_path, 3)
    (tmp_path / "state/journal.sqlite").unlink()
    with pytest.raises(JournalBusy, match=f"process {os.getpid()}"):
        open_journal(tmp_path, create=True)
    journal.forget()
    open_journal(tmp_path, create=True).close()


def test_a_journal_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    planned(tmp_path, 1).close()
    other = sqlite3.connect(tmp_path / "state/journal.sqlite")
    other.execute("UPDATE meta SET value = '99' WHERE name = 'format'")
    other.commit()
    other.close()
    with pytest.raises(JournalError, match="format 99"):
        open_journal(tmp_path)


@pytest.mark.parametrize("content", [b"name,email\n", b"\0" * 8192])
def test_a_file_that_is_no_journal_is_refused_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/journal.sqlite").write_bytes(content)
    with pytest.raises(JournalError) as refused:
        open_journal(tmp_path)
    assert refused.value.exit_code == 74
    assert refused.value.remedy


def test_a_damaged_page_stops_the_run_with_a_remedy(tmp_path: Path) -> None:
    planned(tmp_path, 3000).close()
    file = tmp_path / "state/journal.sqlite"
    with file.open("r+b") as damaged:
        for page in range(2, file.stat().st_size // 4096):
            damaged.seek(page * 4096)
            damaged.write(os.urandom(64))
    with pytest.raises(JournalError, match=r"damaged|malformed") as stopped:
        open_journal(tmp_path).apply([sending(1500)])
    assert stopped.value.exit_code == 74


def test_the_journal_is_for_its_owner_only(tmp_path: Path) -> None:
    with closing(planned(tmp_path, 1)):
        for path in (tmp_path / "state").iterdir():
            assert path.stat().st_mode & 0o077 == 0, path


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    with closing(planned(tmp_path, 1)) as journal:
        driver = journal._connection.connection.dbapi_connection
        assert driver is not None
        assert driver.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert driver.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    planned(tmp_path, 1).close()
    with closing(Reader.open(URL, tmp_path)) as reader, pytest.raises(JournalError):
        reader._all("DELETE FROM runs")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ada/campaign/state", "ext4"),
        ("/home/ada/my files/campaign", "nfs4"),
        ("/home/ada/my files/local/campaign", "xfs"),
        ("/home/ada/my files2", "ext4"),
    ],
)
def test_the_filesystem_of_a_path_is_that_of_the_deepest_mount(path: str, kind: str) -> None:
    assert filesystem_of(Path(path), MOUNTS) == kind


def test_a_network_filesystem_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 0:1 / / rw - ext4 x rw\n30 22 0:2 / {tmp_path} rw - cifs y rw\n")
    with pytest.raises(JournalError, match=r"network filesystem \(cifs\)"):
        refuse_network_filesystem(tmp_path / "journal.sqlite", mounts)
    mounts.write_text("22 1 0:1 / / rw - ext4 x rw\n")
    refuse_network_filesystem(tmp_path / "journal.sqlite", mounts)


def test_what_was_handed_over_is_counted_by_relay_and_over_several_domains(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    domains = ("a.example", "b.example", "c.example")
    plan_into(
        journal,
        [entry(f"p{n}", n)._replace(domain=domains[n % 3], key=f"p{n}") for n in range(9)],
    )
    journal.apply(
        Change(row, State.SENDING, 100.0 * row, 0, 1, 0, relay=f"relay{row % 2}")
        for row in range(1, 10)
    )
    journal.close()
    with closing(Reader.open(URL, tmp_path)) as reader:
        assert reader.sendings_since(250.0) == [(500.0, 3), (800.0, 3), (900.0, 1)]
        both = reader.sendings_since(0.0, domains=domains[:2])
        assert sum(count for _, count in both) == 6
        assert reader.sendings_since(0.0, domains=("c.example", "d.example")) == [
            (300.0 * n, 1) for n in (1, 2, 3)
        ]
        through = reader.sendings_since(0.0, relay="relay1", domains=domains[:1])
        assert sum(count for _, count in through) == 2


def test_what_left_from_an_address_is_counted_for_it_and_what_is_not_known_for_each(
    tmp_path: Path,
) -> None:
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, [entry(f"p{n}", n) for n in range(6)])
    ways = ["mx", "mx from ::1", "mx from 192.0.2.1", "mx from 192.0.2.10", "other from ::1"]
    journal.apply(
        Change(row, State.SENDING, 100.0 * row, 0, 1, 0, relay=way)
        for row, way in enumerate(ways, 1)
    )
    journal.close()

    def count(relay: str = "", source: str | None = "") -> int:
        return sum(number for _, number in reader.sendings_since(0.0, relay=relay, source=source))

    with closing(Reader.open(URL, tmp_path)) as reader:
        sources = ("192.0.2.1", "192.0.2.10", "::1")
        assert [count(source=source) for source in sources] == [2, 2, 3]
        assert [count(relay="mx", source=source) for source in sources] == [2, 2, 2]
        assert (count(relay="mx"), count()) == (1, 5)
        assert (count(relay="mx", source=None), count(source=None)) == (4, 5)


def test_a_relative_path_starts_at_the_campaign_folder_and_four_slashes_are_absolute() -> None:
    folder = Path("/campaigns/spring")
    assert locate("sqlite:///state/j.sqlite", folder).path == folder / "state/j.sqlite"
    assert locate("sqlite:////var/j.sqlite", folder).path == Path("/var/j.sqlite")
    there = locate("postgresql+psycopg://ada:secret@db/spring", folder)
    assert there.path is None
    assert "secret" not in there.shown


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://h/d", "journal.db"])
def test_a_url_that_cannot_hold_a_journal_is_a_config_error(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="url"):
        locate(url, tmp_path)


def test_a_path_with_odd_letters_can_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "50% off? #1"
    planned(folder, 1).close()
    with closing(Reader.open(URL, folder)) as reader:
        assert reader.counts()[State.PLANNED] == 1
    with closing(sqlite3.connect(folder / "state/journal.sqlite")) as there:
        assert there.execute("SELECT count(*) FROM recipients").fetchone() == (1,)


def test_a_glance_tells_what_a_reader_tells(tmp_path: Path) -> None:
    run(planned(tmp_path, 3), [sending(1), sent(1)])
    with closing(glance(URL, tmp_path)) as seen, closing(Reader.open(URL, tmp_path)) as reader:
        assert seen.campaign() == reader.plan_record().campaign
        assert seen.counts() == reader.counts()
        assert not seen.is_finished()
        assert not reader.is_finished()
        assert seen.hashes() == reader.plan_record().hashes
        assert seen.next_due() is reader.next_due() is None
        assert seen.is_planned()


def test_a_glance_at_no_plan_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal at"):
        glance(URL, tmp_path)
    (tmp_path / "state").mkdir()
    sqlite3.connect(tmp_path / "state/journal.sqlite").close()
    with pytest.raises(JournalError, match=r"no plan in .*campaign plan"):
        glance(URL, tmp_path)
    (tmp_path / "state/journal.sqlite").write_text("no database, but some text in its place" * 9)
    with pytest.raises(JournalError, match="not a journal, or it is damaged"):
        glance(URL, tmp_path)
