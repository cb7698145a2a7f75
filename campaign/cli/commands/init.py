"""`campaign init`: a small working campaign to start from.

In: the name of a folder.  Out: the files in it, and what to do next.
Touches: the folder, which must not exist or be empty.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from campaign.errors import EXIT_DONE

EXAMPLES = ("campaign init spring",)


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
) -> int:
    """Write a small working campaign: settings, a list, templates."""
    from campaign.cli.files.scaffolding import write_campaign

    for file in write_campaign(folder):
        print(f"  {file}")
    name = shlex.quote(str(folder))
    print(f"\nNext: campaign plan {name}, then campaign preview {name}")
    return EXIT_DONE
