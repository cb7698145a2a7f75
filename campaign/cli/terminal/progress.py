"""What is shown while a plan is made or letters go out.

In: views of the run, several a second; sentences.  Out: a tqdm bar on a terminal, a plain line
every few seconds anywhere else; every few minutes while nothing changes, for a run may stay for
years.  Touches: the stream it is given (stderr).

A terminal that was closed must not end the run that drains behind it: the first failed write
silences the progress, and the run goes on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from campaign.cli.terminal.tables import WIDTH, clip, escape, legible
from campaign.clock import Clock
from campaign.records import State, settled_of
from campaign.units import show_duration

if TYPE_CHECKING:
    from campaign.delivery.run_records import RunView

LINE_EVERY_S = 5.0
STILL_EVERY_S = 300.0
_MOVE_EVERY_S = 0.1  # drawing costs about as much as planning ten rows
_TEXT = "{desc}"
_FREE = 3  # columns at the end of a line
_LINES = 10  # more than a bar and its text take; tqdm would ask the terminal, which may say 0


class Progress:
    """A bar with a line of text below it, or lines now and then."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._is_live = stream.isatty()
        self._is_gone = False
        self._bar: Any = None
        self._text: Any = None
        self._drawn_width = 0
        self._said_at = clock.tick_s()
        self._said: object = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close_bar()

    def say(self, line: str) -> None:
        """One sentence, above the bar."""
        self._write(legible(line, self._stream))

    def show(
        self,
        done: int,
        total: int | None,
        beside: str,
        below: str = "",
        *,
        stands: object = None,
        is_last: bool = False,
    ) -> None:
        """How far it is; `beside` and `below` the bar, both escaped.

        Without a total there is no bar, only `beside`.  `stands`: what another line would be worth
        writing for; None: every one is.
        """
        if self._is_live:
            self._guard(lambda: self._move_bar(done, total, beside, below))
            return
        now = self._clock.tick_s()
        is_still = stands is not None and stands == self._said
        if is_last or now - self._said_at >= (STILL_EVERY_S if is_still else LINE_EVERY_S):
            self._said_at, self._said = now, stands
            stamp = time.strftime("%H:%M:%S", time.localtime(self._clock.now_s()))
            share = f"{_share(done, total):3d}%" if total else ""
            self._write("  ".join(part for part in (stamp, share, below, beside) if part))

    def _move_bar(self, done: int, total: int | None, beside: str, below: str) -> None:
        width = self._width()
        if self._bar is None:
            self._bar = self._new_bar(_TEXT, total)
            if below:
                self._text = self._new_bar(_TEXT, 0)
        elif width < self._drawn_width:
            self._clear_wrapped(width)
        self._drawn_width = width
        for bar in (self._bar, self._text):
            if bar is not None:
                bar.ncols = width
        if total is not None:
            self._bar.bar_format = f"{_share(done, total):3d}% {{bar}} {{desc}}"
        self._bar.total = total
        self._bar.n = done if total is None else min(done, total)
        self._bar.set_description_str(clip(beside, width), refresh=True)
        if self._text is not None:
            self._text.set_description_str(clip(below, width), refresh=True)

    def _clear_wrapped(self, width: int) -> None:
        """A terminal that became narrower has wrapped what was drawn: go to its start and clear."""
        up = (self._drawn_width - 1) // width
        self._stream.write(f"\r\x1b[{up}A\x1b[J" if up else "\r\x1b[J")
        self._stream.flush()
        for bar in (self._bar, self._text):
            if bar is not None:  # it would fill the new line up to the length of the old one
                bar.sp = bar.status_printer(self._stream)

    def _new_bar(self, form: str, total: int | None) -> Any:
        from tqdm import tqdm

        # Its own lock is one between processes and its monitor a thread: neither is needed.
        tqdm.set_lock(threading.RLock())
        tqdm.monitor_interval = 0
        return tqdm(
            total=total,
            file=self._stream,
            bar_format=form,
            ncols=self._width(),
            nrows=_LINES,
            leave=False,  # what is said afterwards has all that it showed
        )

    def _width(self) -> int:
        """Columns that a line may take: no terminal wraps it, not with the ^C that it echoes."""
        try:
            width = os.get_terminal_size(self._stream.fileno()).columns
        except OSError:
            width = 0
        return (width or WIDTH) - _FREE  # a terminal made by a program may not know its size

    def _write(self, line: str) -> None:
        if self._bar is not None:
            self._guard(lambda: self._bar.write(line, file=self._stream))
        else:
            self._guard(lambda: print(line, file=self._stream, flush=True))

    def _close_bar(self) -> None:
        for bar in (self._text, self._bar):  # the lower one first: the cursor ends where it began
            if bar is not None:
                self._guard(bar.close)
        self._bar = self._text = None

    def _guard(self, write: Callable[[], object]) -> None:
        if self._is_gone:
            return
        try:
            write()
        except (OSError, ValueError):  # the terminal hung up, or the stream was closed
            self._is_gone = True


class PlanProgress(Progress):
    """The stages of a plan, one bar for each."""

    _stage = ""
    _moved_at = 0.0

    def begin(self, what: str) -> None:
        """Say on a terminal what is done while there is nothing to count yet."""
        if self._is_live:
            self.show(0, None, legible(what, self._stream))

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = self._clock.tick_s()
        if stage != self._stage:
            self._close_bar()
            self._stage = stage
        elif now - self._moved_at < _MOVE_EVERY_S and done != total:
            return
        self._moved_at = now
        count = f"{done:,} of {total:,}" if total is not None else f"{done:,}"
        self.show(done, total, f"{stage} {count}")


class RunProgress(Progress):
    """The observer of a run."""

    _last: RunView | None = None

    def update(self, view: RunView) -> None:
        self._last = view
        self._show_view(view, is_last=False)

    def _show_view(self, view: RunView, *, is_last: bool) -> None:
        skipped = view.counts.get(State.SKIPPED, 0)
        done, total = settled_of(view.counts) - skipped, view.total - skipped
        self.show(
            done,
            total,
            "  ".join(part for part in (f"{done:,} of {total:,}", time_left(view)) if part),
            legible(describe(view), self._stream),
            stands=(dict(view.counts), view.total, bool(view.waiting_for), view.stopping),
            is_last=is_last,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._last is not None:
            self._show_view(self._last, is_last=True)
        super().__exit__(kind, error, trace)


def _share(done: int, total: int) -> int:
    """In percent, rounded down: 479 of 480 is not all."""
    return 100 * done // total if total else 100


def time_left(view: RunView) -> str:
    """ "4m12s left", or that it is stopping; "" where nobody can say."""
    if view.stopping:
        return "stopping"
    return f"{show_duration(max(1.0, view.left_s))} left" if view.left_s else ""


def describe(view: RunView) -> str:
    """ "sent 412  failed 3  deferred 12  50/s  gmail.com cools down 4:12"."""
    parts = [f"sent {view.counts.get(State.SENT, 0):,}"]
    for state in (State.FAILED, State.DEFERRED, State.HELD):
        count = view.counts.get(state, 0)
        if count or state is not State.HELD:
            parts.append(f"{state} {count:,}")
    parts.append(f"{view.rate_s:,.0f}/s" if view.rate_s >= 10 else f"{view.rate_s:.1f}/s")
    if view.waiting_for:
        parts.append(escape(view.waiting_for))
    return "  ".join(parts)
