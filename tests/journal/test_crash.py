"""The writer killed at any moment: what it called durable is there, and nothing else is settled."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.claiming import ClaimReader
from campaign.records import State
from fakes.prepared.journals import URL, open_journal, planned

PEOPLE = 3000
CONNECTIONS = 20
ROUNDS = 5

# Stands in for a run: as many letters under way as connections, each told to this process only
# when the journal says that it is durable.
WRITER = """
import asyncio, sys
sys.path.insert(0, "tests")
from pathlib import Path
from campaign.journal.reading.claiming import ClaimReader
from campaign.records import State
from fakes.prepared.journals import URL, open_journal, sending, sent

async def main(folder):
    journal = open_journal(folder)
    for doubt in journal.recover_in_doubt("resend", 1.0):
        print("doubt", doubt.row)
    reader = ClaimReader.open(URL, folder)
    claims = reader.claim_due(2.0, 10_000)[0] + reader.claim_planned(0, 10_000)
    writer = journal.start(asyncio.get_running_loop(), lambda error: print("failed", error))
    over = asyncio.Event()
    def next_letter():
        if not claims:
            over.set()
            return
        claim = claims.pop(0)
        nth, resends = claim.sendings + 1, claim.resends
        def permitted():
            print("dot", claim.row, flush=True)
            writer.write(sent(claim.row, nth, resends=resends), accepted)
        def accepted():
            print("sent", claim.row, flush=True)
            next_letter()
        writer.write(sending(claim.row, nth, resends=resends), permitted)
    for _ in range(%d):
        next_letter()
    await over.wait()
    await writer.drain()
    journal.close()

asyncio.run(main(Path(sys.argv[1])))
"""


def _killed_after(folder: Path, seconds: float) -> tuple[list[list[str]], bool]:
    """The lines a writer printed, and whether it came to its end."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER % CONNECTIONS, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    first = writer.stdout.readline()
    time.sleep(seconds)
    writer.kill()
    with writer:
        lines = [first, *writer.stdout]
    return [line.split() for line in lines if line.endswith("\n")], writer.returncode == 0


def test_after_kill_9_all_that_was_told_is_there_and_doubt_is_bounded_by_connections(
    tmp_path: Path,
) -> None:
    planned(tmp_path, PEOPLE).close()
    chance = random.Random(7)
    told: set[int] = set()
    dots: dict[int, int] = {}
    for _ in range(ROUNDS):
        lines, is_over = _killed_after(tmp_path, chance.uniform(0.0, 0.12))
        told |= {int(row) for what, row in lines if what == "sent"}
        for what, row in lines:
            dots[int(row)] = dots.get(int(row), 0) + (what == "dot")
        with closing(ClaimReader.open(URL, tmp_path)) as reader:
            results = {result.row: result.state for result in reader.results()}
            doubts = reader.in_doubt()
        sending = [doubt for doubt in doubts if doubt.state is State.SENDING]
        assert len(sending) <= CONNECTIONS
        assert all(results[row] == State.SENT for row in told)
        named = {doubt.row for doubt in doubts}
        assert all(results[row] == State.SENT or row in named for row in dots if dots[row])
        assert audit(URL, tmp_path).is_clean
        if is_over:
            break
    journal = open_journal(tmp_path)
    journal.recover_in_doubt("resend", 1.0)
    journal.close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        left = len(reader.claim_planned(0, PEOPLE)) + len(reader.claim_due(2.0, PEOPLE)[0])
        assert left + reader.counts()[State.SENT] + reader.counts()[State.HELD] == PEOPLE
