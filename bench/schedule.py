"""What zones, an order and ramps cost a run while it claims.

python -m bench.schedule [--messages N] [--rounds N] [--full]

What a run does for each row between the journal and the wire is done for every row of the list: it
is read, asked for its window, put into its lane, taken out of it under its ramp, asked once more
before its dot.  Nothing is rendered or sent.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh, plan
from campaign.config.loader import Campaign, load
from campaign.journal.reading.claiming import ClaimReader
from campaign.planning.timing.ramped import ramps_of
from campaign.planning.timing.turns import turns_of
from campaign.pool.lanes import Lanes
from campaign.pool.limits import lane_of
from campaign.pool.ramps import RampWindows
from campaign.records import Claim, Letter
from campaign.schedule.ramp import DayCount
from campaign.schedule.timetable import Turn

ROWS, ALL_ROWS = 200_000, 5_000_000
_AT_ONCE = 1000  # rows of a query, as in a run
_TOPPED_UP = 250  # letters between two looks at the day counts, ten a second in a run
_CONNECTIONS = 10
_ZONES = (
    "Asia/Shanghai", "Asia/Tokyo", "Asia/Kolkata", "Europe/Berlin", "Europe/London",
    "America/New_York", "America/Chicago", "America/Los_Angeles", "America/Sao_Paulo", "",
)  # fmt: skip
_PLAIN = """\
name = "schedule"
[recipients]
files = ["list.csv"]
[message]
from = "Ada <ada@example.com>"
subject = "Hello"
text = "body.txt"
[relay]
host = "127.0.0.1"
security = "none"
[limits."gmail.com"]
rates = ["1000000/s"]
"""
# Open at every hour, and asked at every row.  The steps are so high that nothing waits.
_TIMED = """\
[schedule]
windows = ["00:00-24:00"]
timezone = { column = "zone", default = "UTC" }
order = "engagement"
[ramp]
ladder = [2000000000000]
"""


class _Claimed(NamedTuple):
    """Microseconds of a row, and megabytes that came to stay after the first tenth of the list."""

    cpu_us: float
    grown_mb: float


def measure(options: Options) -> list[Row]:
    """The two lists by turns."""
    count = options.messages or (ALL_ROWS if options.full else ROWS)
    plain, timed = _planned("plain", _PLAIN, count), _planned("timed", _PLAIN + _TIMED, count)
    found = by_turns(
        options.rounds,
        {"none": lambda: _claim(plain), "zones, order, ramps": lambda: _claim(timed)},
    )
    none, with_all = found["none"], found["zones, order, ramps"]
    pairs = zip(with_all, none, strict=True)
    return [
        Row("schedule", "claiming a row", [one.cpu_us for one in none], "µs CPU",
            note=f"{count:,} rows"),
        Row("schedule", "claiming a row, with zones, an order and ramps",
            [one.cpu_us for one in with_all], "µs CPU"),
        Row("schedule", "of what a letter costs the I/O process (36 µs), they add",
            [(timed.cpu_us - plain.cpu_us) / 36 for timed, plain in pairs], at_most=0.05,
            note="36 µs: section 1 of the design"),
        Row("schedule", "memory after the first tenth", [one.grown_mb for one in with_all], "MB",
            at_most=8),
    ]  # fmt: skip


def _planned(name: str, config: str, count: int) -> Campaign:
    folder = fresh(f"schedule-{name}")
    chance = random.Random(1)
    with (folder / "list.csv").open("w") as file:
        file.write("email,zone,engagement\n")
        for number in range(count):
            domain = "gmail.com" if number % 3 else f"example{number % 2000}.com"
            zone, engagement = chance.choice(_ZONES), chance.randrange(1000)
            file.write(f"user{number}@{domain},{zone},{engagement}\n")
    (folder / "body.txt").write_text("Hello\n")
    (folder / "campaign.toml").write_text(config)
    plan(folder)
    return load(folder)


def _claim(campaign: Campaign) -> _Claimed:
    """Every row of a planned list."""
    early_mb = 0.0
    with closing(ClaimReader.open(*campaign.journal)) as reader:
        path = _Path(campaign, reader)
        total, done, began_s = reader.total(), 0, time.process_time()
        for claims in _claims(reader):
            path.go(claims)
            done += len(claims)
            if not early_mb and done >= total / 10:
                early_mb = _resident_mb()
        spent_s = time.process_time() - began_s
    return _Claimed(spent_s / total * 1e6, _resident_mb() - early_mb)


def _claims(reader: ClaimReader) -> Iterator[list[Claim]]:
    after = 0
    while claims := reader.claim_planned(after, _AT_ONCE):
        after = claims[-1].row
        yield claims


class _Path:
    """From the journal to the dot, without the letter."""

    def __init__(self, campaign: Campaign, reader: ClaimReader) -> None:
        self._now_s = time.time()
        self._tick_s = 0.0
        self._turns = turns_of(campaign, reader.plan_record(), reader, self._now_s)
        self._ramps = RampWindows(ramps_of(campaign), lambda: self._now_s)
        self._lanes = Lanes(
            lambda lane: ((), _CONNECTIONS + 1), lane_of, ramps_of=self._ramps.of_provider
        )

    def go(self, claims: list[Claim]) -> None:
        turns, lanes, now_s, tick_s = self._turns, self._lanes, self._now_s, self._tick_s
        letters = []
        for claim in claims:
            if not turns.is_empty and turns.ask(claim, now_s).turn is not Turn.NOW:
                raise AssertionError(f"row {claim.row} waits")
            lane = lanes.lane(claim.domain)
            if lane.room(tick_s, len(claims)):
                lanes.expect(lane)
            letters.append(Letter(claim.row, "", claim.address, b"", 0, False, claim, now_s))
        for claim in claims:
            lanes.arrived(claim.domain)
        lanes.put(letters)
        for number in range(len(letters)):
            if not number % _TOPPED_UP:
                self._top_up()
            self._tick_s += 1e-3
            connection = number % _CONNECTIONS
            letter = lanes.take(self._tick_s, connection)
            if letter is None or not turns.may_go(letter.claim, now_s):
                raise AssertionError(f"of {len(letters)} letters {number} went")
            lanes.done(letter, connection)

    def _top_up(self) -> None:
        """As `delivery.beside.ramping` does, from a cap that has no end."""
        for window in self._ramps.windows.values():
            day, wanted, _ = window.wanted()
            if wanted:
                window.given(day, wanted, DayCount(day, window.climb.used(self._now_s) + wanted))


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    main(measure)
