"""A long list, half of it sent: `resume` until the first message, and `status` meanwhile.

    python -m bench.resume [--messages N] [--rounds N]

The campaign is stopped at half; `resume` is started and stopped again `--rounds` times, then once
more to the end.  While each half is sent `status` is asked: by itself for its time, and with
`status --watch` open in every second stretch, for its effect on the rate and for the CPU it needs.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.corpus import write_campaign
from bench.machine import CAMPAIGN
from bench.options import Options, main
from bench.rows import Row, tell
from bench.senders import command, counts, fresh, none_lost, plan
from bench.servers import Server, smtp_sink
from bench.watching import BenchError, Course, Sample, watch

MESSAGES = 1_000_000
_STRETCH_S = 1.5  # short: the speed of the machine itself wanders over seconds
_SETTLE_S = 0.3  # status --watch has started by then
_INTERRUPTED = 75


def measure(options: Options) -> list[Row]:
    """Times of resume and status, and the rate with status beside."""
    count = options.messages or MESSAGES
    with smtp_sink() as sink:
        folder = write_campaign(fresh("resume"), count, sink.port)
        plan(folder)
        before = sink.received()
        tell("  the first half, with status beside")
        first, rest = _Asking(folder), _Asking(folder)
        half = [str(CAMPAIGN), "run", "--yes", "--limit", str(count // 2)]
        first.beside(half, sink, (0, _INTERRUPTED))
        starts = [_first_message(folder, sink) for _ in range(options.rounds)]
        tell("  the rest, with status beside")
        rest.beside([str(CAMPAIGN), "resume"], sink)
        none_lost("campaign", counts(folder)["sent"], count)
        none_lost("campaign", sink.received() - before, count)
    pairs = [*first.pairs, *rest.pairs]
    return [
        Row("resume", "resume, half sent, until the first message", starts, "s", at_most=3,
            note=f"{count:,} recipients"),
        Row("resume", "status --json while running",
            [*first.answers_s, *rest.answers_s], "s", at_most=0.5),
        Row("resume", "rate with status --watch open / without",
            _effects(pairs, options.rounds), at_least=0.98),
        Row("resume", "CPU of status --watch, of one core", [pair.share for pair in pairs], "%"),
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


class _Pair(NamedTuple):
    """A stretch without `--watch` and one with it."""

    without: float  # messages in the first
    with_watch: float  # in the second
    share: float  # percent of a core that `--watch` needed


class _Asking(threading.Thread):
    """Asks for the status of a running campaign: stretches without, then with `--watch`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._over = threading.Event()
        self._started_s = 0.0
        self._stretches: list[tuple[float, float, float]] = []  # two beginnings, the share
        self.answers_s: list[float] = []
        self.pairs: list[_Pair] = []

    def beside(self, command: list[str], sink: Server, exit_codes: Sequence[int] = (0,)) -> None:
        """Run this to its end, and ask."""
        course = watch(
            command, sink.received, cwd=self._folder, exit_codes=exit_codes, meanwhile=self._begin
        )
        self._over.set()
        if self._started_s:
            self.join()

        def received(begin_s: float) -> float:
            return _received_at(course, begin_s + _STRETCH_S) - _received_at(course, begin_s)

        self.pairs = [
            _Pair(received(without_s), received(with_s), share)
            for without_s, with_s, share in self._stretches
        ]

    def _begin(self, process: subprocess.Popen[bytes], sample: Sample) -> None:
        if sample.received and not self._started_s:
            self._started_s = time.monotonic() - sample.at_s
            self.start()

    def run(self) -> None:
        while not self._over.wait(_SETTLE_S):
            without_s = self._now_s()
            if not self._over.wait(_STRETCH_S):
                self._watched(without_s)
            if not self._over.is_set():
                self._ask()

    def _now_s(self) -> float:
        return time.monotonic() - self._started_s

    def _watched(self, without_s: float) -> None:
        """A stretch with `--watch`; kept with the one before if the run lasted that long."""
        watching = subprocess.Popen(
            [CAMPAIGN, "status", "--watch"], cwd=self._folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            self._over.wait(_SETTLE_S)
            with_s, before_s = self._now_s(), _on_cpu_s(watching.pid)
            if not self._over.wait(_STRETCH_S):
                share = (_on_cpu_s(watching.pid) - before_s) / _STRETCH_S * 100
                self._stretches.append((without_s, with_s, share))
        finally:
            watching.terminate()
            watching.wait(10)

    def _ask(self) -> None:
        begin_s = time.monotonic()
        command(self._folder, "status", "--json")
        self.answers_s.append(time.monotonic() - begin_s)


def _effects(pairs: Sequence[_Pair], parts: int) -> list[float]:
    """Rate with / rate without, over so many parts of the pairs."""
    size = len(pairs) // parts
    if not size:
        raise BenchError("the run was too short to see an effect: send more messages")
    taken = [pairs[start : start + size] for start in range(0, size * parts, size)]
    return [sum(p.with_watch for p in part) / sum(p.without for p in part) for part in taken]


def _on_cpu_s(pid: int) -> float:
    """CPU a process has used, to the nanosecond (proc(5), schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


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
