"""The long tests of the promise run with `make crash`, or where CRASH=long is set."""

from __future__ import annotations

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: runs with `make crash` only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves them out; a test that is skipped would be one that the machine cannot run."""
    if os.environ.get("CRASH") == "long":
        return
    if long := [item for item in items if item.get_closest_marker("long")]:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]
