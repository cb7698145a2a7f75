"""`campaign test`: one real message to yourself, as a recipient would get it.

In: a planned campaign and an address.  Out: what the relay said.
Touches: the relay; the journal is only read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli.arguments import HERE, JsonOption, PathArgument
from campaign.cli.sending import told_by_line
from campaign.cli.services.planning import ensure_planned
from campaign.cli.terminal.tables import legible
from campaign.cli.triggered import refuse_open
from campaign.errors import EXIT_DONE, EXIT_SOME_FAILED, UsageError
from campaign.units import show_size

if TYPE_CHECKING:
    from campaign.delivery.trial import Trial

EXAMPLES = (
    "campaign test spring --to me@example.com",
    "campaign test spring --to me@example.com --row 3 --exact",
)


def command(
    path: PathArgument = HERE,
    to: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Your own address.", show_default=False)
    ] = "",
    row: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Whose message; default: the first.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Do not put [test] before the subject.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Send one real message to yourself, as a recipient would get it. Nothing is recorded."""
    from campaign.addresses.syntax import AddressError, parse_address
    from campaign.config.loader import load
    from campaign.delivery.trial import send_trial

    if not to:
        raise UsageError("--to is missing", remedy="name your own address: --to me@example.com")
    try:
        address = parse_address(to)
    except AddressError as error:
        raise UsageError(str(error), remedy="--to wants your own address") from None
    campaign = load(path, need_secrets=True)
    refuse_open(campaign, "to test a letter of", "POST /v1/render shows a letter")
    ensure_planned(campaign)
    with told_by_line(campaign):
        trial = send_trial(campaign, address, row, exact=exact)
    if as_json:
        print(json.dumps(as_object(trial, address.spec), ensure_ascii=False))
        return EXIT_DONE if trial.is_accepted else EXIT_SOME_FAILED
    made_for = f"the message of row {trial.row}, {legible(trial.meant_for)}"
    if trial.is_accepted:
        print(f"Sent to {address.spec}: {made_for}, {show_size(trial.size_bytes)}")
        print(f"  {legible(str(trial.reply))}")
        return EXIT_DONE
    print(f"Refused at {trial.stage}: {made_for}")
    print(f"  {legible(str(trial.reply))}")
    return EXIT_SOME_FAILED


def as_object(trial: Trial, to: str) -> dict[str, Any]:
    """For --json."""
    return {
        "accepted": trial.is_accepted,
        "to": to,
        "row": trial.row,
        "meant_for": trial.meant_for,
        "stage": str(trial.stage),
        "code": trial.reply.code,
        "enhanced": trial.reply.enhanced,
        "reply": trial.reply.text,
        "size_bytes": trial.size_bytes,
    }
