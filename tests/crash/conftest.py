"""The long tests of the promise run with `make crash`, or where CRASH=long is set."""

from __future__ import annotations

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: runs with `make crash` only")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("CRASH") == "long":
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: `make crash` runs it"))
