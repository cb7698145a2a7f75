"""How an extra of this installation is installed.

In: the name of an extra.  Out: a command line.  Touches: the metadata of the installed package.

Whoever installed from a folder has to name that folder: there may be another project of our name
on the index.
"""

from __future__ import annotations

import json
from pathlib import Path


def pip_line(extra: str) -> str:
    """ "pip install '.[web]'" in the folder it came from, with its path elsewhere."""
    return f"pip install '{_source()}[{extra}]'"


def _source() -> str:
    """The folder that pip notes (PEP 610), or the name of the project."""
    # Each command and each worker would load them, and hardly any needs them: a tenth of its start.
    from importlib import metadata
    from urllib.parse import unquote, urlsplit

    try:
        noted = metadata.distribution("campaign").read_text("direct_url.json")
        url = urlsplit(json.loads(noted)["url"]) if noted else None
    except (metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        url = None
    if url is None or url.scheme != "file":
        return "campaign"
    folder = Path(unquote(url.path))
    if not folder.exists():
        return "campaign"
    return "." if folder == Path.cwd() else str(folder)
