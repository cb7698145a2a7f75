"""Many processes write to one store at once, and any of them may be killed: nothing is lost."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from campaign.clock import SystemClock
from campaign.suppression.entries import Reason
from campaign.suppression.store import SuppressionStore

# Adds addresses of its own and one that all add, and says each once the store has it.
WRITER = """
import sys
from pathlib import Path
from campaign.clock import SystemClock
from campaign.suppression.entries import Reason, Suppressed
from campaign.suppression.store import SuppressionStore

url, folder, name, count = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
with SuppressionStore.open(url, folder, SystemClock()) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        keys = [f"{name}-{number}@example.com", "all@example.com"]
        store.add(Suppressed(key, "*", Reason.UNSUBSCRIBE, name, "", 1.0) for key in keys)
        print(keys[0], flush=True)
"""


def start(url: str, folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, url, str(folder), name, str(count)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def begin(writers: list[subprocess.Popen[str]]) -> None:
    """All at the same time."""
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()


def keys_of(url: str, folder: Path) -> list[str]:
    with SuppressionStore.open(url, folder, SystemClock()) as store:
        return [entry.key for entry in store.iterate()]


def test_what_several_processes_add_at_once_is_all_there(url: str, tmp_path: Path) -> None:
    writers = [start(url, tmp_path, f"writer{number}", 25) for number in range(4)]
    begin(writers)
    said: list[str] = []
    for writer in writers:
        out, err = writer.communicate(timeout=120)
        assert (writer.returncode, err) == (0, "")
        said += out.split()
    assert len(said) == 100
    assert sorted(keys_of(url, tmp_path)) == sorted([*said, "all@example.com"])


def test_a_killed_writer_has_lost_nothing_that_it_said(url: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    for turn in range(2):
        writers = [start(url, tmp_path, f"turn{turn}-{number}", 10_000) for number in range(2)]
        begin(writers)
        said = []
        for _ in range(chance.randint(1, 12)):
            assert writers[0].stdout is not None
            said.append(writers[0].stdout.readline().strip())
        for writer in writers:
            writer.kill()
        for writer in writers:
            said += writer.communicate(timeout=60)[0].split()
        there = set(keys_of(url, tmp_path))
        whole = [key for key in said if key.endswith(".com")]  # the last line may be cut off
        assert whole
        assert set(whole) <= there


def test_a_large_import_keeps_a_person_who_leaves_waiting_only_for_a_part(
    url: str, tmp_path: Path
) -> None:
    from campaign.suppression.entries import Suppressed

    clock = SystemClock()
    with (
        SuppressionStore.open(url, tmp_path, clock) as store,
        SuppressionStore.open(url, tmp_path, clock) as other,
    ):
        added = []

        def entries():  # type: ignore[no-untyped-def]
            for number in range(5000):
                if number == 4500:  # the import is under way, and another process writes
                    leaving = Suppressed("ada@example.com", "*", Reason.UNSUBSCRIBE, "", "", 1.0)
                    added.append(other.add([leaving]))
                key = f"person{number}@example.com"
                yield Suppressed(key, "*", Reason.IMPORT, "list.csv", "", 1.0)

        assert store.load(entries()).new == 5000
        assert added[0].new == 1
        assert len(list(store.iterate())) == 5001
