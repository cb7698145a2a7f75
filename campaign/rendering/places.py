"""Where a template that stands in campaign.toml is written, for errors of it.

In: an error of a text that is called "message.subject".  Out: the same with file and line.
Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from campaign.errors import CampaignError

_Error = TypeVar("_Error", bound=CampaignError)


class TextPlace(NamedTuple):
    """The first line of a text in a file of settings, and its key there."""

    file: str
    line: int
    key: str


def placed(error: _Error, places: Mapping[str, TextPlace]) -> _Error:
    """The error of a template with the place that its reader can open; others as they are."""
    place = places.get(error.file)
    if place is None:
        return error
    line = place.line + max(0, error.line - 1)
    what = f"{place.key}: {error.what}"
    return type(error)(what, file=place.file, line=line, remedy=error.remedy)
