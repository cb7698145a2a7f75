"""A list written to a folder and read back, in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from campaign.config.settings import Recipients
from campaign.recipients.readers import read_lists
from fakes.prepared.lists import Read, Reading


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """read(content, name="list.csv", **settings) -> Reading."""

    def reader(
        content: str | bytes | None = None, name: str = "list.csv", **options: Any
    ) -> Reading:
        if content is not None:
            raw = content.encode() if isinstance(content, str) else content
            (tmp_path / name).write_bytes(raw)
        settings = Recipients(**{"files": [name], **options})
        reading = Reading()
        for chunk in read_lists(tmp_path, settings):
            reading.add(chunk, settings)
        return reading

    return reader
