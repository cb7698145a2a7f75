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
    from campaign.config.loader import load

    for file in write_campaign(folder):
        print(f"  {file}")
    if not folder.resolve().name.isascii():
        name = load(folder).settings.name
        print(f'\nIts name is "{name}": campaign.toml has room for a better one (a-z, 0-9, -)')
    name = shlex.quote(str(folder))
    print(f"\nNext: campaign plan {name}, then campaign preview {name}")
    return EXIT_DONE
