"""The line that installs an extra fits how this installation was made."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from campaign.extras import pip_line


class _Installed:
    def __init__(self, direct_url: str | None) -> None:
        self._direct_url = direct_url

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self._direct_url


def installed(monkeypatch: pytest.MonkeyPatch, url: str | None) -> None:
    noted = None if url is None else json.dumps({"url": url, "dir_info": {}})
    monkeypatch.setattr(metadata, "distribution", lambda name: _Installed(noted))


def test_whoever_installed_from_a_folder_names_that_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "the source"
    folder.mkdir()
    installed(monkeypatch, folder.as_uri())
    assert pip_line("web") == f"pip install '{folder}[web]'"
    monkeypatch.chdir(folder)
    assert pip_line("web") == "pip install '.[web]'"


@pytest.mark.parametrize("url", [None, "https://example.com/campaign.whl", "file:///nowhere/now"])
def test_whoever_did_not_names_the_project(
    monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    installed(monkeypatch, url)
    assert pip_line("report") == "pip install 'campaign[report]'"
