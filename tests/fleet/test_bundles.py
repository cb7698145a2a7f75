"""The folder of a campaign on its way to other hosts, and what they keep of such folders."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from campaign.config.loader import load
from campaign.errors import DataError, FleetMismatch
from campaign.fleet.bundle import Bundle, pack, unpack
from campaign.fleet.bundles import MOST_KEPT, hold
from campaign.planning.letter_files import refuse_outside
from fakes.clock import FakeClock
from fakes.prepared.campaigns import TOML, write

_DAY_S = 86_400.0


def test_a_bundle_is_named_by_its_content_and_unpacked_once(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "campaign.toml").write_text("name = 'x'")
    (folder / "list.csv").write_text("email\na@example.com\n")
    bundle = pack(folder, ["campaign.toml", "list.csv", "gone.txt"])
    os.utime(folder / "list.csv", (1, 1))
    assert pack(folder, ["list.csv", "campaign.toml"]) == bundle
    there = unpack(bundle, tmp_path / "cache")
    assert (there / "list.csv").read_text() == "email\na@example.com\n"
    assert unpack(bundle, tmp_path / "cache") == there
    (folder / "list.csv").write_text("email\nb@example.com\n")
    assert unpack(pack(folder, ["campaign.toml", "list.csv"]), tmp_path / "cache") != there


def test_a_host_with_another_version_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    bundle = pack(tmp_path, ["a"])
    with pytest.raises(FleetMismatch, match=r"on this host and 0\.0\.9 where"):
        unpack(bundle._replace(version="0.0.9"), tmp_path / "cache")
    with pytest.raises(DataError, match="damaged"):
        unpack(bundle._replace(data=b"other"), tmp_path / "cache")


def test_a_file_outside_the_folder_is_not_sent_away(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "secret").write_text("x")
    with pytest.raises(DataError, match="outside"):
        pack(tmp_path / "c", ["../secret"])


def test_the_line_that_names_a_file_outside_the_folder_is_told(tmp_path: Path) -> None:
    toml = TOML.replace('html = "body.html"', 'html = "../body.html"')
    write(tmp_path / "c", toml=toml)
    (tmp_path / "c" / "body.html").rename(tmp_path / "body.html")
    campaign = load(tmp_path / "c")
    with pytest.raises(DataError, match="outside") as refused:
        refuse_outside(campaign, ["body.txt", "../body.html"])
    (line,) = (at for at, each in enumerate(toml.splitlines(), 1) if "../body.html" in each)
    assert refused.value.place == f"{campaign.file}:{line}"
    assert "put it into the folder" in refused.value.remedy


def bundle_of(folder: Path, content: str) -> Bundle:
    (folder / "a").write_text(content)
    return pack(folder, ["a"])


def used(folder: Path, content: str, clock: FakeClock) -> Path:
    """The folder of a bundle that was used for a moment."""
    held = hold(bundle_of(folder, content), folder / "cache", clock)
    os.close(held.lock)
    return held.folder


def test_bundles_that_nobody_has_used_for_long_are_removed(tmp_path: Path) -> None:
    clock = FakeClock()
    old = used(tmp_path, "old", clock)
    again = used(tmp_path, "again", clock)
    clock.sleep(20 * _DAY_S)
    assert used(tmp_path, "again", clock) == again
    clock.sleep(20 * _DAY_S)
    used(tmp_path, "new", clock)
    assert not old.exists()
    assert (again / "a").read_text() == "again"
    assert (used(tmp_path, "old", clock) / "a").read_text() == "old"


def test_of_many_bundles_the_newest_are_kept(tmp_path: Path) -> None:
    clock = FakeClock()
    folders = []
    for number in range(MOST_KEPT + 5):
        clock.sleep(1.0)
        folders.append(used(tmp_path, str(number), clock))
    assert [folder.exists() for folder in folders] == [False] * 5 + [True] * MOST_KEPT
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {
        folder.name for folder in folders[5:]
    }


def test_a_bundle_stays_while_a_process_that_was_started_there_lives(tmp_path: Path) -> None:
    clock = FakeClock()
    held = hold(bundle_of(tmp_path, "old"), tmp_path / "cache", clock)
    command = [sys.executable, "-c", "input()"]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[held.lock])
    os.close(held.lock)  # whoever started it is gone
    clock.sleep(100 * _DAY_S)
    used(tmp_path, "new", clock)
    assert held.folder.exists()
    worker.communicate(b"\n")
    used(tmp_path, "new", clock)
    assert not held.folder.exists()


def test_a_bundle_with_outcomes_that_the_journal_does_not_know_stays(tmp_path: Path) -> None:
    clock = FakeClock()
    folder = used(tmp_path, "old", clock)
    (folder / "state").mkdir()
    kept = folder / "state" / "journal.emergency.7"
    kept.write_text("sent")
    clock.sleep(100 * _DAY_S)
    used(tmp_path, "new", clock)
    assert kept.exists()
    kept.unlink()
    used(tmp_path, "new", clock)
    assert not folder.exists()


def test_who_comes_while_a_bundle_is_being_removed_unpacks_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    folder = used(tmp_path, "a", clock)
    lock_of, removed = fcntl.flock, []

    def lock_once_removed(lock: int, how: int) -> None:
        if not removed:
            removed.append(folder.rename(tmp_path / "gone"))
        lock_of(lock, how)

    monkeypatch.setattr("campaign.fleet.bundles.fcntl.flock", lock_once_removed)
    assert used(tmp_path, "a", clock) == folder
    assert (folder / "a").read_text() == "a"
    assert removed
