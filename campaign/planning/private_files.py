"""Files of the campaign itself, which no cell of a list may have sent to anybody.

In: a loaded campaign.  Out: real paths.  Touches: the file system, for looking.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from pydantic import BaseModel

from campaign.config.loader import Campaign
from campaign.config.secrets import secret_file
from campaign.config.settings import Section
from campaign.recipients.readers import input_files as list_files

# Fields of any section that name a file only its owner should see.
_KEY_FIELDS = frozenset({"file", "key", "cert", "ca_file"})


def private_files(campaign: Campaign) -> tuple[str, ...]:
    """Paths, each of a file and of everything whose path begins with it.

    These are campaign.toml, the lists, the suppression lists, every file that holds a secret or a
    key, the journal with what stands beside it under the same name, and the folder of the journal
    where that is a folder of its own.
    """
    folder, settings = campaign.folder, campaign.settings
    paths = [
        campaign.file,
        *list_files(folder, settings.recipients),
        *(folder / name for name in settings.recipients.suppress),
    ]
    found = {os.path.realpath(path) for path in paths} | {*secret_files(campaign)}
    home = os.path.realpath(folder)
    for url in _database_urls(settings):
        database = os.path.realpath(folder / url.removeprefix("sqlite:///"))
        found.add(database)
        own_folder = os.path.dirname(database) + os.sep
        if own_folder.startswith(home + os.sep) and own_folder != home + os.sep:
            found.add(own_folder)
    return tuple(sorted(found))


def secret_files(campaign: Campaign) -> tuple[str, ...]:
    """Files that hold a secret or a key, which no template may read."""
    names = _named_in(campaign.settings)
    return tuple(os.path.realpath(secret_file(name, campaign.folder)) for name in names)


def _named_in(section: BaseModel) -> Iterator[str]:
    for name, value in section:
        if isinstance(value, str) and value and name in _KEY_FIELDS:
            yield value
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, Section):
                yield from _named_in(item)


def _database_urls(section: BaseModel) -> Iterator[str]:
    for _, value in section:
        if isinstance(value, str) and value.startswith("sqlite:///"):
            yield value
        elif isinstance(value, Section):
            yield from _database_urls(value)
