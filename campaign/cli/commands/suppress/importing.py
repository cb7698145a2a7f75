"""`campaign suppress import`: the lists of other systems.

In: a file of listmonk, Mailgun, Amazon SES, SendGrid, of ours, or plain addresses.
Out: how many are new, and each line that was not taken.  Touches: the suppression store.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption
from campaign.cli.commands.suppress.listing import reason_of
from campaign.cli.commands.suppress.opened import CampaignOption, ListOption, opened, scope_of
from campaign.cli.terminal.tables import counted, escape
from campaign.errors import EXIT_DONE, EXIT_SOME_FAILED, DataError, UsageError

if TYPE_CHECKING:
    from campaign.suppression.entries import Added
    from campaign.suppression.imports import Importing

EXAMPLES = (
    "campaign suppress import mailgun-bounces.csv",
    "campaign suppress import left.csv --list newsletter --reason unsubscribe",
)
_SHOWN = 20  # lines that were not taken; --json has all of them


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON, or an address a line.")],
    list_: ListOption = "*",
    reason: Annotated[
        str, typer.Option(metavar="REASON", help="Of rows that do not say one themselves.")
    ] = "import",
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Of its text: auto finds it; gb18030, cp1252 ...")
    ] = "auto",
    path: CampaignOption = HERE,
    as_json: JsonOption = False,
) -> int:
    """Take in a suppression list; its columns tell what kind it is.

    Exit code 1 where lines were not taken: they are named with their numbers.
    """
    from campaign.suppression.entries import Reason
    from campaign.suppression.imports import Importing

    wanted, scope = reason_of(reason) or Reason.IMPORT, scope_of(list_)
    if wanted is Reason.ERASURE:
        raise UsageError(
            "a file erases nobody", remedy="`campaign suppress erase ADDRESS`, one by one"
        )
    with opened(path) as there:
        importing = Importing(
            file, reason=wanted, scope=scope, now_s=there.now_s, encoding=_encoding(file, encoding)
        )
        added = there.store.load(importing.entries())
    if not sum(added) and not importing.bad and not importing.passed_over:
        raise DataError("there are no addresses in it", file=str(file))
    if as_json:
        bad = [each._asdict() for each in importing.bad]
        found = {"format": importing.title, **added._asdict(), "bad": bad}
        print(json.dumps({**found, "passed_over": importing.passed_over}, ensure_ascii=False))
    else:
        _print(file, importing, added)
    return EXIT_SOME_FAILED if importing.bad else EXIT_DONE


def _encoding(file: Path, setting: str) -> str:
    """As lists are read; where it is not sure, UTF-8: an address that is not is told by its line.

    Raises UsageError for a name nobody knows, DataError for a file that cannot be read.
    """
    from campaign.recipients.text.encodings import find_encoding

    try:
        with file.open("rb") as content:
            found = find_encoding(content, setting, str(file))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=str(file)) from None
    except DataError as error:
        raise UsageError(error.what, remedy="write --encoding auto, utf-8, gb18030 ...") from None
    return "utf-8" if found.is_unsure else found.name


def _print(file: Path, importing: Importing, added: Added) -> None:
    print(f"{file}: {importing.title}")
    for count, what in (
        (added.new, "new"),
        (added.graver, "known for a lighter reason, or suppressed before"),
        (added.known, "known"),
        (added.erased, "erased, and blocked already"),
        (importing.passed_over, "not suppressed there, and passed over"),
        (len(importing.bad), "not taken"),
    ):
        if count:
            print(f"  {count:,} {what}")
    for line, why in importing.bad[:_SHOWN]:
        print(f"{file}:{line}: {escape(why)}", file=sys.stderr)
    if (more := len(importing.bad) - _SHOWN) > 0:
        print(f"and {counted(more, 'more line')}; --json names all", file=sys.stderr)
