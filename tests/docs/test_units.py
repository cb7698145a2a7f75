"""The systemd units in the documentation are such as systemd takes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DOC = Path(__file__).parents[2] / "docs/schedule.md"
_FILE = re.compile(r"# /etc/systemd/system/(\S+)\n(.*?)(?=\n# /etc/systemd|\Z)", re.DOTALL)


def units() -> Iterator[dict[str, str]]:
    """The files of each sample, by name."""
    for block in re.findall(r"```ini\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL):
        yield dict(_FILE.findall(block))


def test_there_is_one_that_waits_and_one_that_a_timer_starts() -> None:
    assert [sorted(files) for files in units()] == [
        ["campaign-spring.service"],
        ["campaign-spring.service", "campaign-spring.timer"],
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
@pytest.mark.parametrize("sample", [0, 1])
def test_systemd_finds_no_fault_in_them(tmp_path: Path, sample: int) -> None:
    # What stands in the sample is a path of the reader's machine; here a program that is there.
    files = list(units())[sample]
    for name, text in files.items():
        unit = text.replace("/usr/local/bin/campaign", sys.executable)
        (tmp_path / name).write_text(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", *(tmp_path / name for name in files)],
        capture_output=True, text=True,
    )  # fmt: skip
    own = [line for line in done.stderr.splitlines() if "campaign-spring" in line]
    assert own == []
    assert done.returncode == 0


def test_every_command_in_them_is_one_of_ours() -> None:
    started = re.findall(r"^ExecStart=/usr/local/bin/campaign (\w+)", DOC.read_text(), re.MULTILINE)
    assert started == ["run", "run"]
