"""The files that letters are made of, as they go to other hosts.

In: a campaign.  Out: names relative to its folder.  Touches: the file system, for looking.
Fails as parsing the templates does, and with DataError for a file outside the folder.

The list is not among them: what a letter needs of it comes with each job.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from campaign.config.loader import Campaign
from campaign.errors import DataError
from campaign.planning.inputs import template_hashes
from campaign.planning.private_files import private_files
from campaign.rendering.render import RenderSpec, personal_roots, readable_paths


def letter_files(campaign: Campaign, spec: RenderSpec) -> list[str]:
    """Templates, pictures, attachments, those of single recipients too; nothing private.

    Of the folders that templates may reach, only what lies in the campaign's own folder; what a
    letter cannot be made without is named wherever it lies.
    """
    home = os.path.realpath(campaign.folder)
    private = private_files(campaign)
    reached = [path for place in readable_paths(spec) for path in _files_in(place)]
    own = [path for root in personal_roots(spec) for path in _files_in(root)]
    inside = [path for path in reached if path.startswith(home + os.sep)]
    chosen = {
        os.path.relpath(path, home) for path in [*inside, *own] if not path.startswith(private)
    }
    names = sorted({*template_hashes(campaign), *chosen})
    refuse_outside(campaign, names)
    return names


def refuse_outside(campaign: Campaign, names: Iterable[str]) -> None:
    """Raises DataError for a file that does not lie in the campaign's folder: it has no place in
    the folder that another host is given."""
    home = Path(os.path.realpath(campaign.folder))
    for name in names:
        if not Path(os.path.realpath(home / name)).is_relative_to(home):
            raise DataError(
                f"{name} lies outside the campaign's folder, and cannot be sent to workers",
                file=str(campaign.file),
                line=_line_that_names(campaign, name),
                remedy="put it into the folder and name it there, or leave --fleet out; hosts that"
                " have it may `campaign work`",
            )


def _line_that_names(campaign: Campaign, name: str) -> int:
    """In campaign.toml; 0 where only a template names it."""
    lines = campaign.file.read_text(encoding="utf-8").splitlines()
    last = Path(name).name
    return next((at for at, line in enumerate(lines, 1) if last in line), 0)


def _files_in(place: str) -> Iterator[str]:
    if os.path.isfile(place):
        yield place
    for folder, _, names in os.walk(place):
        yield from (os.path.realpath(Path(folder, name)) for name in names)
