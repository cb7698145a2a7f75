"""What a relay's own records say of recipients in doubt.

In: a Postfix log, or a list of Message-IDs; the Message-IDs looked for.
Out: `RelayLog`: who was accepted, and when the log begins and ends.
Touches: one file, for reading.  Fails with DataError for a file that is neither.

In a Postfix log a Message-ID alone proves nothing: cleanup(8) logs it while the letter is still
coming in.  The letter was accepted once its queue id has gone on: qmgr(8) took it up, or a
delivery was tried.  A bounce later on does not change that it was accepted.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, cast

from campaign.errors import DataError

_POSTFIX = re.compile(r"\bpostfix[\w/-]*/(\w+)\[\d+\]: ([0-9A-Za-z]{6,}): (.*)")
_MESSAGE_ID = re.compile(r"<?([^\s<>@,;]+@[^\s<>@,;]+)>?")
_SYSLOG_TIME = re.compile(r"([A-Z][a-z]{2}) +(\d+) (\d\d):(\d\d):(\d\d) ")  # RFC 3164, 4.1.2
_FULL_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\S+) ")  # RFC 5424, 6.2.3
_LEFT_OUT = re.compile(r"rate-limit|messages lost|Suppressed \d+ messages")  # rsyslog, journald
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_GZIP = b"\x1f\x8b"
_LONGEST = 300  # characters of evidence kept


@dataclass
class RelayLog:
    """What a file shows; times are Unix times by the clock of the log, 0.0 where it has none."""

    accepted: dict[str, str] = field(default_factory=dict)  # Message-ID -> the evidence
    accepted_at: dict[str, float] = field(default_factory=dict)
    first_s: float = 0.0
    last_s: float = 0.0
    is_whole: bool = True  # nothing says that lines were left out


def read_log(path: Path, wanted: Collection[str], now_s: float) -> RelayLog:
    """Which of the wanted Message-IDs the file shows as accepted.

    Raises DataError where the file cannot be read or has neither kind of line.
    """
    log = RelayLog()
    known = 0
    queued: dict[str, str] = {}  # queue id -> wanted Message-ID, until the letter leaves the queue
    try:
        for number, line in enumerate(_lines(path), 1):
            if logged := _POSTFIX.search(line):
                known += 1
                at_s = _time_of(line, now_s)
                log.first_s = log.first_s or at_s
                log.last_s = max(log.last_s, at_s)
                _follow(*logged.groups(), at_s=at_s, queued=queued, log=log, wanted=wanted)
            elif listed := _MESSAGE_ID.fullmatch(line):
                known += 1
                if (name := f"<{listed[1]}>") in wanted:
                    log.accepted.setdefault(name, f"listed in {path.name}, line {number}")
            elif _LEFT_OUT.search(line):
                log.is_whole = False
    except (OSError, EOFError) as error:
        raise DataError(f"cannot be read: {error}", file=str(path)) from error
    if not known:
        raise DataError(
            "has neither lines of a Postfix log nor a Message-ID on any line",
            file=str(path),
            remedy="give the relay's mail.log, or one Message-ID a line",
        )
    return log


def _time_of(line: str, now_s: float) -> float:
    """Unix time of a line of a log; without a zone as if in UTC, without a year in the last one."""
    if full := _FULL_TIME.match(line):
        try:
            stamp = datetime.fromisoformat(full[1])
        except ValueError:
            return 0.0
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()
    if not (short := _SYSLOG_TIME.match(line)) or short[1] not in _MONTHS:
        return 0.0
    month = _MONTHS.index(short[1]) + 1
    latest = datetime.fromtimestamp(now_s, UTC) + timedelta(days=2)  # zones and clocks differ
    for year in (latest.year, latest.year - 1):
        try:
            day, hour, minute, second = map(int, short.groups()[1:])
            stamp = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:  # the 29th of February of another year
            continue
        if stamp <= latest:
            return stamp.timestamp()
    return 0.0


def _follow(
    program: str,
    queue_id: str,
    event: str,
    *,
    at_s: float,
    queued: dict[str, str],
    log: RelayLog,
    wanted: Collection[str],
) -> None:
    """One line of the log: queue ids are used again, so a letter is followed from line to line."""
    if program == "cleanup" and event.startswith("message-id="):
        name = event.removeprefix("message-id=").strip()
        queued.pop(queue_id, None)
        if name in wanted:
            queued[queue_id] = name
    elif queue_id not in queued:
        return
    elif event.startswith("client="):  # the id belongs to another letter from here on
        del queued[queue_id]
    elif (program == "qmgr" and "queue active" in event) or "status=" in event:
        # The line with the destination's answer tells more than the one of the queue.
        evidence = f"Postfix {queue_id}: {event}"[:_LONGEST]
        name = queued[queue_id]
        log.accepted_at.setdefault(name, at_s)
        if "status=" in event or name not in log.accepted:
            log.accepted[name] = evidence
    elif program == "qmgr" and event == "removed":
        del queued[queue_id]


def _lines(path: Path) -> Iterator[str]:
    """Lines without their ends; rotated logs may be compressed."""
    with path.open("rb") as raw:
        is_packed = raw.read(2) == _GZIP
        raw.seek(0)
        file = cast(IO[bytes], gzip.GzipFile(fileobj=raw) if is_packed else raw)
        for line in file:
            yield line.decode("utf-8", "replace").strip()
