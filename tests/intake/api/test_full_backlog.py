"""A full backlog refuses letters with a time to come again, and costs no memory.

`make api-backlog` does the same for ten minutes.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fakes.mail.recorder import recorder
from fakes.prepared.open_campaigns import TOML, open_campaign
from fakes.prepared.triggering import one_pass, wait_until
from fakes.processes.api_server import LETTER, SERVE, Answer, ApiServer, api_server

SECONDS = float(os.environ.get("API_BACKLOG_S", "4"))
MOST = 40  # letters that may wait
GROWS_KB = 8_000  # at most: what an allocator keeps of a first few thousand requests
FULL = f"[intake]\nbacklog = {MOST}\n"


def resident_kb(pid: int) -> int:
    """Of a process and all that it started (proc(5))."""
    sum_kb = 0
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            sum_kb += int(line.split()[1])
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        sum_kb += resident_kb(int(child))
    return sum_kb


def ask_for(server: ApiServer, seconds: float, heed: Callable[[Answer], None]) -> None:
    """Letters of 20 KB from four applications at once, one after another, and five from each at
    least."""
    until_s = time.monotonic() + seconds
    letter = LETTER | {"data": {"code": "1234", "more": "x" * 20_000}}

    def insist() -> None:
        asked = 0
        while asked < 5 or time.monotonic() < until_s:
            heed(server.post(letter))
            asked += 1

    threads = [threading.Thread(target=insist) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_full_backlog_answers_429_for_as_long_as_it_takes_with_flat_memory(
    tmp_path: Path,
) -> None:
    with recorder() as relay:
        toml = TOML.replace('"10m"', '"1d"')  # the long form takes ten minutes
        campaign = open_campaign(tmp_path, toml=toml, more=SERVE + FULL, port=relay.port)
        with api_server(tmp_path) as server:
            statuses: Counter[int] = Counter()
            waits: set[str] = set()

            def heed(answer: Answer) -> None:
                statuses[answer.status] += 1
                if answer.status == 429:
                    waits.add(answer.headers["retry-after"])

            while server.post(LETTER).status == 202:
                pass
            ask_for(server, 1.0, heed)
            assert server.process is not None
            before_kb = resident_kb(server.process.pid)
            statuses.clear()
            ask_for(server, SECONDS, heed)
            assert set(statuses) == {429}
            assert statuses[429] >= 20
            assert waits == {"300"}  # nothing is being sent: nobody knows a better time
            assert resident_kb(server.process.pid) - before_kb < GROWS_KB
            one_pass(campaign)
            wait_until(lambda: server.post(LETTER).status == 202)
        assert sum(relay.received.values()) >= MOST
