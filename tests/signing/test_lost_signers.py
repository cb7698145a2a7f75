"""A run that loses a signer sends nothing unsigned, stops, and goes on when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from campaign.cli.main import main
from fakes.mail.dkim_keys import ed25519_key
from fakes.mail.recorder import recorder
from fakes.prepared.campaigns import TOML, write

DKIM = '\n[[dkim]]\ndomain = "example.com"\nselector = "e1"\nkey = { file = "e1.pem" }\n'
PEOPLE = 3000


def signer_of(pid: int) -> int | None:
    """The signing process below a run, once there is one."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"campaign.workers.signing.signer" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    return None


def test_a_run_that_loses_its_signer_stops_and_can_be_resumed(tmp_path: Path) -> None:
    # Five letters a second: when the signer is killed, most are neither sent nor signed, since no
    # more than 2,000 are made ahead.
    with recorder(at_least_s=2.0) as server:
        toml = TOML.replace("port = 1", f"port = {server.port}") + DKIM
        rows = [(f"n{number}@example.com", "Ada", "gold") for number in range(PEOPLE)]
        folder = write(tmp_path / "spring", toml=toml, rows=rows)
        (folder / "e1.pem").write_text(ed25519_key().pem)
        (folder / "e1.pem").chmod(0o600)
        run = subprocess.Popen(
            [sys.executable, "-m", "campaign.cli.main", "run", "--yes", "--no-render", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not server.received and run.poll() is None:
            time.sleep(0.005)
        signer = signer_of(run.pid)
        assert signer is not None
        os.kill(signer, signal.SIGKILL)
        _, said = run.communicate(timeout=120)
        assert run.returncode == 75, said
        assert "a signer is lost" in said
        assert "campaign resume" in said
        assert 0 < len(server.accepted) < PEOPLE
        server.at_once()
        assert main(["resume", str(folder)]) == 0
        assert len(server.accepted) == PEOPLE
        assert set(server.accepted.values()) == {1}
