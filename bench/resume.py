"""A long list, half of it sent: `resume` until the first message, and `status` meanwhile.

    python -m bench.resume [--messages N] [--rounds N]

The campaign is stopped at half; `resume` is started and stopped again `--rounds` times, then once
more to the end while `status` is asked: by itself for its time, and with `status --watch` open in
every second stretch of the run for its effect on the rate.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from itertools import pairwise
from pathlib import Path

from bench.corpus import write_campaign
from bench.machine import CAMPAIGN
from bench.options import Options, main
from bench.rows import Row, tell
from bench.senders import command, counts, fresh, none_lost, plan
from bench.servers import Server, smtp_sink
from bench.watching import BenchError, Course, Sample, watch

MESSAGES = 1_000_000
_STRETCH_S = 3.0
_SETTLE_S = 1.0  # status --watch has started by then
_INTERRUPTED = 75


def measure(options: Options) -> list[Row]:
    """Times of resume and status, and the rate with status beside."""
    count = options.messages or MESSAGES
    with smtp_sink() as sink:
        folder = write_campaign(fresh("resume"), count, sink.port)
        plan(folder)
        before = sink.received()
        tell("  the first half")
        half = [str(CAMPAIGN), "run", "--yes", "--limit", str(count // 2)]
        watch(half, sink.received, cwd=folder, exit_codes=(0, _INTERRUPTED))
        starts = [_first_message(folder, sink) for _ in range(options.rounds)]
        tell("  the rest, with status beside")
        asking = _Asking(folder)
        course = watch([CAMPAIGN, "resume"], sink.received, cwd=folder, meanwhile=asking.started)
        asking.stop()
        none_lost("campaign", counts(folder)["sent"], count)
        none_lost("campaign", sink.received() - before, count)
    return [
        Row("resume", "resume, half sent, until the first message", starts, "s", at_most=3,
            note=f"{count:,} recipients"),
        Row("resume", "status --json while running", asking.answers_s, "s", at_most=0.5),
        Row("resume", "rate with status --watch open / without", asking.effects(course),
            at_least=0.98),
    ]  # fmt: skip


def _first_message(folder: Path, sink: Server) -> float:
    """Seconds until the server has one; then the run is told to stop and finishes orderly."""
    told = False

    def stop(process: subprocess.Popen[bytes], sample: Sample) -> None:
        nonlocal told
        if sample.received and not told:
            told = True
            process.send_signal(signal.SIGINT)

    codes = (0, _INTERRUPTED)
    course = watch(
        [CAMPAIGN, "resume"], sink.received, cwd=folder, meanwhile=stop, exit_codes=codes
    )
    return course.first_message_s


class _Asking(threading.Thread):
    """Asks for the status of a running campaign: stretches without, then with `--watch`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._over = threading.Event()
        self._started_s = 0.0
        self._stretches: list[tuple[float, float, bool]] = []  # from, to, with --watch
        self.answers_s: list[float] = []

    def started(self, process: subprocess.Popen[bytes], sample: Sample) -> None:
        if sample.received and not self._started_s:
            self._started_s = time.monotonic() - sample.at_s
            self.start()

    def stop(self) -> None:
        self._over.set()
        if self._started_s:
            self.join()

    def run(self) -> None:
        while not self._over.wait(_SETTLE_S):
            self._stretch(with_watch=False)
            self._with_watch()
            if not self._over.is_set():
                self._ask()

    def _stretch(self, *, with_watch: bool) -> None:
        begin_s = time.monotonic() - self._started_s
        if not self._over.wait(_STRETCH_S):
            self._stretches.append((begin_s, begin_s + _STRETCH_S, with_watch))

    def _with_watch(self) -> None:
        watching = subprocess.Popen(
            [CAMPAIGN, "status", "--watch"], cwd=self._folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            if not self._over.wait(_SETTLE_S):
                self._stretch(with_watch=True)
        finally:
            watching.terminate()
            watching.wait(10)

    def _ask(self) -> None:
        begin_s = time.monotonic()
        command(self._folder, "status", "--json")
        self.answers_s.append(time.monotonic() - begin_s)

    def effects(self, course: Course) -> list[float]:
        """Rate with / rate without, for each pair of stretches."""
        rates = [
            (_received_at(course, end_s) - _received_at(course, begin_s), with_watch)
            for begin_s, end_s, with_watch in self._stretches
        ]
        pairs = pairwise(rates)
        found = [b / a for (a, before), (b, after) in pairs if a and after and not before]
        if not found:
            raise BenchError("the run was too short to see an effect: send more messages")
        return found


def _received_at(course: Course, at_s: float) -> float:
    """Messages received at a moment, between two looks."""
    earlier = course.samples[0]
    for sample in course.samples:
        if sample.at_s >= at_s:
            span_s = (sample.at_s - earlier.at_s) or 1.0
            part = (at_s - earlier.at_s) / span_s
            return earlier.received + part * (sample.received - earlier.received)
        earlier = sample
    return earlier.received


if __name__ == "__main__":
    main(measure)
