"""How a command that went wrong ends: one sentence, and the exit code of the contract.

In: an exception.  Out: a sentence on stderr, with `--json` an object on stdout, an exit code.
Touches: stdout, stderr, the environment variable CAMPAIGN_TRACEBACK.

Python would end with 1 for an exception nobody caught, and 1 means "settled, but some failed": so
a fault of ours ends with 70.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import traceback
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from campaign.cli.terminal.streams import complain, tell
from campaign.errors import EXIT_FAULT, EXIT_INTERRUPTED, CampaignError, ConfigErrors, JournalError

TRACEBACK = "CAMPAIGN_TRACEBACK"
# `campaign resume --stale`: whoever named a folder wants it in the advice as well.
_ADVICE = re.compile(
    r"`campaign (plan|preview|test|run|resume|retry|pause|cancel|status|explain|results|events"
    r"|report|audit|check)"
    r"((?: --[a-z-]+)*)`"
)
_OF_THE_MACHINE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EIO}
_SENDING = {"run", "resume", "retry"}


def with_path(text: str, path: Path | None) -> str:
    """`campaign resume` becomes `campaign resume spring` where the campaign is not here."""
    if path is None or path == Path():
        return text
    return _ADVICE.sub(rf"`campaign \1 {_escaped(shlex.quote(str(path)))}\2`", text)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\")


def named(command: Callable[..., int], name: str) -> Callable[..., int]:
    """The command; what it raises names the campaign it was about in its advice."""

    @wraps(command)
    def run(**options: Any) -> int:
        path: Path | None = options.get("path")
        try:
            return command(**options)
        except CampaignError as error:
            for each in _all_of(error):
                each.remedy = with_path(each.remedy, path)
            raise
        except KeyboardInterrupt:
            complain(with_path(_interrupted(name), path))
            return EXIT_INTERRUPTED

    return run


def _interrupted(name: str) -> str:
    if name in _SENDING:
        return "interrupted (`campaign status` shows what is done, `campaign resume` goes on)"
    return "interrupted"


def end_with(error: CampaignError, *, as_json: bool) -> int:
    """Say every fault, one sentence each."""
    faults = _all_of(error)
    for fault in faults:
        complain(str(fault))
    if as_json:
        tell(json.dumps(_as_object(faults, error.exit_code), ensure_ascii=False))
    return error.exit_code


def of_the_machine(error: OSError) -> CampaignError | None:
    """What a disk, a permission or a mount does not allow; None if the fault may be ours.

    Files are written in many places (marks, stores, exports): none of them is a bug because the
    disk is full.
    """
    if error.errno not in _OF_THE_MACHINE:
        return None
    file = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else ""
    remedy = "campaign must be able to write there: look at the disk, the mount and the owner"
    return JournalError(f"{error.strerror}", file=file, remedy=remedy)


def end_with_fault_of_ours(error: Exception, *, as_json: bool) -> int:
    """What should never happen: a sentence, and how to get what is needed to mend it."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    fault = CampaignError(
        f"this is a fault of campaign itself: {what}",
        remedy="the journal keeps what was done; please report it where you got campaign from,"
        f" with what {TRACEBACK}=1 and the same command print",
    )
    complain(str(fault))
    if as_json:
        tell(json.dumps(_as_object([fault], EXIT_FAULT), ensure_ascii=False))
    return EXIT_FAULT


def _all_of(error: CampaignError) -> Sequence[CampaignError]:
    return error.errors if isinstance(error, ConfigErrors) else [error]


def _as_object(faults: Sequence[CampaignError], exit_code: int) -> dict[str, Any]:
    return {
        "error": "; ".join(fault.what for fault in faults),
        "exit_code": exit_code,
        "faults": [
            {
                "what": fault.what,
                "file": fault.file,
                "line": fault.line,
                "column": fault.column,
                "remedy": fault.remedy,
            }
            for fault in faults
        ],
    }
