"""The command line: how every command ends.

In: arguments.  Out: an exit code.  Touches: stdout, stderr.

Every error is one sentence on stderr and an exit code; nobody has to read a traceback.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence

from campaign.cli.line import interrupts
from campaign.cli.line.endings import end_with, end_with_fault_of_ours, of_the_machine
from campaign.cli.terminal import streams
from campaign.cli.terminal.streams import complain
from campaign.errors import EXIT_DONE, EXIT_INTERRUPTED, CampaignError

# Rows pass as thousands of small tuples, which do not refer to each other in circles: with Python's
# 700 the collector looks through them, and all modules, for a tenth of the time of a plan.
_GARBAGE = (50_000, 20, 100)


def answer(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default the one of the command line, and return its exit code."""
    gc.set_threshold(*_GARBAGE)
    atexit.register(gc.freeze)  # to look through all modules once more would take 150 ms
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # looking for some takes 50 ms
    interrupts.keep()
    streams.prepare()
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    try:
        from campaign.cli.line.program import invoke

        code = invoke(given)
        sys.stdout.flush()  # a reader that has gone away shows here, not at interpreter exit
        return code
    except BrokenPipeError:  # `campaign results | head` has seen enough
        streams.lead_nowhere(sys.stdout)
        return EXIT_DONE
    except CampaignError as error:
        return end_with(error, as_json=as_json)
    except KeyboardInterrupt:
        complain("interrupted")
        return EXIT_INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and (told := of_the_machine(error)):
            return end_with(told, as_json=as_json)
        return end_with_fault_of_ours(error, as_json=as_json)
    finally:
        streams.flush(sys.stderr)
        interrupts.forget()
