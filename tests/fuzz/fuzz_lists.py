"""atheris: any bytes as a recipient list.

A list is read or refused in one sentence; every record of it is a row as wide as the header or a
reject with its line, in file order.  Run by `make fuzz`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["campaign"]):
    from campaign.config.settings import Recipients
    from campaign.recipients.cleaning import clean
    from campaign.recipients.readers import read_lists

from campaign.errors import DataError

_FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-lists-"))
_SETTINGS = Recipients(files=("list.csv",), address="e", max_field=500)
_HEADS = (b"e,n\n", b"e;n\r\n", b"n\te\r", b"\xef\xbb\xbfe|n\n", b"")


def try_one(data: bytes) -> None:
    """One input: its first byte chooses a header to put in front."""
    if not data:
        return
    (_FOLDER / "list.csv").write_bytes(_HEADS[data[0] % len(_HEADS)] + data[1:])
    last = 0
    try:
        for chunk in read_lists(_FOLDER, _SETTINGS):
            width = len(chunk.source.columns)
            assert all(len(row) == width for row in chunk.rows)
            entries = clean(chunk, _SETTINGS)
            assert len(entries) == len(chunk.rows) + len(chunk.rejects)
            for entry in entries:
                assert entry.line >= last
                assert entry.reason or entry.key
                assert "\0" not in entry.data
                last = entry.line
    except DataError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, try_one)
    atheris.Fuzz()
