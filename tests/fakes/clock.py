"""A clock that stands still until it is moved."""

from __future__ import annotations


class FakeClock:
    """`wall` is Unix time, `tick` the steady clock; a test moves either."""

    def __init__(self, wall: float = 1_800_000_000.0, tick: float = 1000.0) -> None:
        self.wall = wall
        self.tick = tick
        self.slept = 0.0

    def now_s(self) -> float:
        return self.wall

    def tick_s(self) -> float:
        return self.tick

    def passed_s(self) -> float:
        return self.tick + self.slept

    def doze(self, seconds: float) -> None:
        """The machine sleeps: only the steady clock stands still."""
        self.wall += seconds
        self.slept += seconds

    def sleep(self, seconds: float) -> None:
        """Both clocks go on, as they do while a machine is awake."""
        self.wall += seconds
        self.tick += seconds
