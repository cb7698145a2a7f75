"""Compiles what every letter goes through, with mypyc, when a wheel is built.

The same files run as Python where there is no C compiler or mypyc fails, and in an editable tree,
whose files are there to be changed.  `campaign --version` tells which it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

COMPILED = """
clock
records
addresses: marks syntax tokens
delivery: ledger
delivery/beginning: staleness
delivery/feeding: backlog feed rows
journal/reading: claims
journal/writing: changes columns totals transactions writer
pool: destination lane lanes outlet relays
pool/pacing: allowance governor rates refusals
pool/servers: hosts
pool/sites: flight site
preflight/letters: judge
recipients: cleaning
recipients/text: framing
rendering: body draft head memo render requested sheet
rendering/files: images
rendering/mime: entities headers structured transfer
rendering/templating: escaping templates
smtp: commands connection deadline ends envelopes extensions protocol wire
smtp/replies: parsing
workers: frames process
"""


class BuildOrLeaveIt(build_ext):
    """A compiler that is missing or fails leaves Python files, none of them half compiled."""

    def run(self) -> None:
        try:
            super().run()
        except (BaseError, CCompilerError, OSError) as error:
            print(f"not compiled, as there is no working C compiler: {error}", file=sys.stderr)
            for output in map(Path, self.get_outputs()):
                output.unlink(missing_ok=True)
            self.extensions = []


def modules() -> list[str]:
    """The files to compile, as paths."""
    paths = []
    for line in COMPILED.split("\n"):
        room, _, names = line.partition(":")
        paths += [f"campaign/{room}/{name}.py" for name in names.split()]
        if room and not names:
            paths.append(f"campaign/{room}.py")
    return sorted(paths)


def extensions() -> list[Extension]:
    """The compiled modules; none, and a sentence, where mypyc cannot make C of them.

    mypyc checks types first, in an environment that holds none of our dependencies: what another
    mypy, or another Python, finds fault with there must not keep anybody from installing.  mypyc
    prints what it found and raises SystemExit.
    """
    # Other packages are not here while a wheel is built: what is theirs is checked at run time.
    options = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]
    try:
        from mypyc.build import mypycify

        made: list[Extension] = mypycify([*options, *modules()], opt_level="2", debug_level="0")
        return made
    except (Exception, SystemExit) as error:
        print(f"not compiled, as mypyc failed ({error!r}); it runs as Python", file=sys.stderr)
        return []


if "bdist_wheel" in sys.argv:
    setup(ext_modules=extensions(), cmdclass={"build_ext": BuildOrLeaveIt})
else:
    setup()
