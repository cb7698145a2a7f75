"""The entry point of `campaign`: Ctrl-C is answered from the first moment to the last.

In: arguments.  Out: an exit code.  Touches: the answer to SIGINT, where this is the whole process.

Until the modules of a command are there, which takes a tenth of a second, nothing has begun that
would have to be undone, and KeyboardInterrupt would come out of any of their lines.  So this module
itself loads none that Python has not loaded before: `signal` would load `enum`.
"""

import _signal  # type: ignore[import-not-found]
import os
import sys

_INTERRUPTED = 75  # as `errors.EXIT_INTERRUPTED`, which takes too long to load
_SIGINT = _signal.SIGINT


def main(arguments: list[str] | None = None) -> int:
    """Run one command in a process that goes on, and return its exit code."""
    from campaign.cli.line.answering import answer

    return answer(arguments)


def begin() -> int:
    """The same in a process that is there for nothing else."""
    if _signal.getsignal(_SIGINT) is not _signal.default_int_handler:
        return main()  # whoever started us does not want it to be heard
    _signal.signal(_SIGINT, lambda *_: _leave())
    try:
        from campaign.cli.line.answering import answer

        _signal.signal(_SIGINT, _signal.default_int_handler)
        code = answer()
        # The command has ended: what came of it stands, also while Python takes itself down.
        _signal.signal(_SIGINT, lambda *_: os._exit(code))
    except KeyboardInterrupt:
        _leave()
    return code


def _leave() -> None:
    try:
        os.write(2, b"interrupted\n")
    finally:
        os._exit(_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(begin())
