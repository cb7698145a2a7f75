"""The files that letters are made of, as they go to other hosts.

In: a campaign.  Out: names relative to its folder.  Touches: the file system, for looking.
Fails as parsing the templates does.

The list is not among them: what a letter needs of it comes with each job.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from campaign.config.loader import Campaign
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
    return sorted({*template_hashes(campaign), *chosen})


def _files_in(place: str) -> Iterator[str]:
    if os.path.isfile(place):
        yield place
    for folder, _, names in os.walk(place):
        yield from (os.path.realpath(Path(folder, name)) for name in names)
