"""The command line: how every command ends.

In: arguments.  Out: an exit code.  Touches: stdout, stderr.

Every error of ours is one sentence on stderr and the exit code it carries; a traceback is a bug.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence

from campaign.cli import streams
from campaign.cli.streams import complain
from campaign.errors import EXIT_DONE, EXIT_INTERRUPTED, CampaignError, ConfigErrors

# Rows pass as thousands of small tuples, which do not refer to each other in circles: with Python's
# 700 the collector looks through them, and all modules, for a tenth of the time of a plan.
_GARBAGE = (50_000, 20, 100)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (the entry point of `campaign`)."""
    gc.set_threshold(*_GARBAGE)
    atexit.register(gc.freeze)  # to look through all modules once more would take 150 ms
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # looking for some takes 50 ms
    streams.prepare()
    try:
        code = _invoke(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()  # a reader that has gone away shows here, not at interpreter exit
        return code
    except BrokenPipeError:  # `campaign results | head` has seen enough
        streams.lead_nowhere(sys.stdout)
        return EXIT_DONE
    except CampaignError as error:
        faults = error.errors if isinstance(error, ConfigErrors) else [error]
        for fault in faults:
            complain(str(fault))
        return error.exit_code
    except KeyboardInterrupt:
        complain("interrupted (`campaign status` shows what is done, `campaign resume` goes on)")
        return EXIT_INTERRUPTED
    finally:
        streams.flush(sys.stderr)


def _invoke(arguments: list[str]) -> int:
    from campaign.cli.standing import read_question, show

    question = read_question(arguments)
    if question is not None:
        show(question)
        return EXIT_DONE
    from campaign.cli.program import invoke

    return invoke(arguments)


if __name__ == "__main__":
    sys.exit(main())
