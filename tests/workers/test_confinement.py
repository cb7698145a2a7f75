"""A confined process reads what it was given and does nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from campaign.workers.confinement import landlock_version
from fakes.prepared.letters import write

pytestmark = pytest.mark.skipif(not landlock_version(), reason="this kernel has no Landlock")

TRIAL = """
import os, socket, sys
from campaign.workers.confinement import read_only
folder, secret, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
assert read_only([folder, "/does/not/exist"])

def tried(what):
    try:
        what()
    except PermissionError:
        return "denied"
    return "allowed"

print(
    tried(lambda: open(folder + "/a.txt").read()),
    tried(lambda: os.listdir(folder)),
    tried(lambda: __import__("decimal")),
    tried(lambda: open(secret).read()),
    tried(lambda: open(f"/proc/{os.getppid()}/environ").read()),
    tried(lambda: open(folder + "/new.txt", "w")),
    tried(lambda: os.remove(folder + "/a.txt")),
    tried(lambda: socket.create_connection(("127.0.0.1", port))),
    tried(lambda: os.kill(os.getppid(), 0)),
    tried(lambda: os.execv("/bin/true", ["true"])),
)
"""


def test_it_reads_its_folder_and_nothing_else(tmp_path: Path) -> None:
    import socket

    write(tmp_path, "own/a.txt", "a")
    secret = write(tmp_path, "secret", "s")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        found = subprocess.run(
            [sys.executable, "-c", TRIAL, str(tmp_path / "own"), str(secret), port],
            capture_output=True,
            text=True,
        )
    read, listed, imported, *denied = found.stdout.split()
    assert (read, listed, imported) == ("allowed",) * 3, found.stderr
    version = landlock_version()
    network, signals = version >= 4, version >= 6
    assert denied[:4] == ["denied"] * 4
    assert denied[4] == ("denied" if network else "allowed")
    assert denied[5] == ("denied" if signals else "allowed")
    assert denied[6] == "denied"


HIDING = """
import os, sys
from campaign.workers.confinement import read_only
folder, *hidden = sys.argv[1:]
assert read_only([folder], hidden)
for name in ("a.txt", "key.pem", "sub/key.pem", "sub/b.txt", "other/c.txt", "link.pem"):
    try:
        open(os.path.join(folder, name)).read()
        print(name)
    except PermissionError:
        pass
print(*sorted(os.listdir(folder)))
"""


def test_it_reads_around_what_is_hidden_in_its_folder(tmp_path: Path) -> None:
    for name in ("a.txt", "key.pem", "sub/key.pem", "sub/b.txt", "other/c.txt"):
        write(tmp_path, name, "x")
    (tmp_path / "link.pem").symlink_to("key.pem")
    hidden = [str(tmp_path / name) for name in ("key.pem", "sub/key.pem")]
    found = subprocess.run(
        [sys.executable, "-c", HIDING, str(tmp_path), *hidden], capture_output=True, text=True
    )
    assert found.stdout.splitlines()[:3] == ["a.txt", "sub/b.txt", "other/c.txt"], found.stderr
    assert found.stdout.splitlines()[3] == "a.txt key.pem link.pem other sub"
