"""What is said at the end of a run: how it ended, in which state people are, what to do next.

In: a `RunResult`.  Out: lines for a terminal, an object for `--json`.  Touches: nothing.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.cli.overview import state_table
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.tables import counted, legible
from campaign.records import State

if TYPE_CHECKING:
    from campaign.delivery.run_records import RunResult


def summary(result: RunResult, paint: Paint) -> list[str]:
    """What the run did, for a terminal."""
    shown = [paint.bold(legible(result.sentence)), ""]
    shown += state_table(result.counts, result.total, paint)
    if result.in_doubt:
        count = counted(len(result.in_doubt), "recipient was", "recipients were")
        shown += ["", f"{count} in doubt when this run began:"]
        shown += [f"  {legible(address)}" for address in result.in_doubt]
    return shown


def as_object(result: RunResult, name: str, sandbox: bool) -> dict[str, Any]:
    """How the run ended, as `--json` prints it."""
    return {
        "campaign": name,
        "sandbox": sandbox,
        "finished": result.finished,
        "exit_code": result.exit_code,
        "said": result.sentence,
        "total": result.total,
        "counts": {state: result.counts.get(state, 0) for state in State},
        "unmade": result.unmade,
        "in_doubt": result.in_doubt,
        "seconds": round(result.seconds, 3),
    }


def next_steps(
    result: RunResult, path: Path, sandbox: bool, *, again: str = "resume", is_open: bool = False
) -> list[str]:
    """What to do and where to look next.  `again`: the command that goes on with it."""
    where = f" {shlex.quote(str(path))}" if path != Path() else ""
    rehearsed = f"{where} --sandbox" if sandbox else where
    held = result.counts.get(State.HELD, 0)
    given_up = result.counts.get(State.FAILED, 0) + result.counts.get(State.EXPIRED, 0)
    steps = []
    if not result.finished:
        steps.append((f"{again}{rehearsed}", "goes on"))
    if held:
        steps += [
            (f"resume{rehearsed} --resolve FILE", "settles those in doubt by the relay's log"),
            (f"retry{rehearsed} --held", "sends to them again; some may get a copy"),
        ]
    if given_up:
        steps.append((f"retry{rehearsed} --failed", "tries those that failed once more"))
    if result.unmade and is_open:
        steps += [
            (f"results{rehearsed} --state skipped", "of whom no letter could be made, and why"),
            (f"retry{rehearsed} --unmade", "makes them once more, when the templates are mended"),
        ]
    elif result.unmade and not sandbox:
        steps.append((f"plan{where} --rejects FILE", "the rows of which no letter could be made"))
    lost = next((state for state in (State.FAILED, State.HELD) if result.counts.get(state)), None)
    steps.append((f"results{rehearsed}" + (f" --state {lost}" if lost else ""), ""))
    steps.append((f"report{rehearsed}", "one page with charts"))
    steps.append((f"audit{rehearsed}", "proves that nobody is lost"))
    if sandbox:
        steps.append((f"sandbox{where}", "shows the mail of the rehearsal"))
    width = max(len(step) for step, _ in steps)
    return ["", "Next:", *(f"  campaign {step:{width}}  {why}".rstrip() for step, why in steps)]
