"""What a relay's own records say of recipients in doubt.

In: a Postfix log, or a list of Message-IDs; the Message-IDs looked for.
Out: Message-ID -> the evidence that the relay accepted it.  Touches: one file, for reading.

In a Postfix log a Message-ID alone proves nothing: cleanup(8) logs it while the letter is still
coming in.  The letter was accepted once its queue id has gone on: qmgr(8) took it up, or a
delivery was tried.  A bounce later on does not change that it was accepted.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, cast

from campaign.config.loader import Campaign
from campaign.errors import DataError
from campaign.journal.reading.reader import Reader
from campaign.journal.reading.results import message_ids
from campaign.journal.store import Journal

_POSTFIX = re.compile(r"\bpostfix[\w/-]*/(\w+)\[\d+\]: ([0-9A-Za-z]{6,}): (.*)")
_MESSAGE_ID = re.compile(r"<?([^\s<>@,;]+@[^\s<>@,;]+)>?")
_GZIP = b"\x1f\x8b"
_LONGEST = 300  # characters of evidence kept


def settle_by(path: Path, campaign: Campaign, journal: Journal, now_s: float) -> str:
    """Settle recipients in doubt by a relay's records; what came of it, in a sentence."""
    wanted = message_ids_in_doubt(campaign)
    settled = journal.resolve(read_evidence(path, wanted), now_s)
    return f"{path.name} shows {len(settled)} of {len(wanted)} recipients in doubt as accepted"


def message_ids_in_doubt(campaign: Campaign) -> set[str]:
    """The Message-IDs, in angle brackets, of everybody in doubt."""
    with closing(Reader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        id_of = message_ids(reader.plan_record())
        return {id_of(doubt.letter_key) for doubt in reader.in_doubt()}


def read_evidence(path: Path, wanted: Collection[str]) -> dict[str, str]:
    """Which of the wanted Message-IDs the file shows as accepted, each with its evidence.

    Raises DataError where the file cannot be read or has neither kind of line.
    """
    accepted: dict[str, str] = {}
    known = 0
    queued: dict[str, str] = {}  # queue id -> wanted Message-ID, until the letter leaves the queue
    try:
        for number, line in enumerate(_lines(path), 1):
            if logged := _POSTFIX.search(line):
                known += 1
                _follow(*logged.groups(), queued=queued, accepted=accepted, wanted=wanted)
            elif listed := _MESSAGE_ID.fullmatch(line):
                known += 1
                if (name := f"<{listed[1]}>") in wanted:
                    accepted.setdefault(name, f"listed in {path.name}, line {number}")
    except (OSError, EOFError) as error:
        raise DataError(f"cannot be read: {error}", file=str(path)) from error
    if not known:
        raise DataError(
            "has neither lines of a Postfix log nor a Message-ID on any line",
            file=str(path),
            remedy="give the relay's mail.log, or one Message-ID a line",
        )
    return accepted


def _follow(
    program: str,
    queue_id: str,
    event: str,
    *,
    queued: dict[str, str],
    accepted: dict[str, str],
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
        if "status=" in event or queued[queue_id] not in accepted:
            accepted[queued[queue_id]] = evidence
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
