"""Haraka, from npm, which refuses an envelope in the same write as a dot."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

from fakes.foreign.running import HARAKA, Foreign, new_folder, running, subjects_of
from fakes.ports import own_port

_KEEP = """\
const fs = require('fs');
let count = 0;
exports.hook_rcpt = (next) => next(OK);
exports.hook_queue = (next, connection) => {{
    const file = `{folder}/new/${{process.pid}}-${{++count}}`;
    const out = fs.createWriteStream(`${{file}}.part`);
    out.on('close', () => fs.rename(`${{file}}.part`, file, () => next(OK)));
    connection.transaction.message_stream.pipe(out);
}};
"""


@contextlib.contextmanager
def haraka() -> Iterator[Foreign]:
    """A plugin of ours writes each message to a file before it is taken."""
    node = shutil.which("node")
    with new_folder("haraka") as folder:
        for name in ("config", "plugins", "new"):
            (folder / name).mkdir()
        port, log = own_port(), folder / "log"
        shutil.copy(HARAKA.parents[1] / "config/connection.ini", folder / "config")
        (folder / "config/smtp.ini").write_text(f"listen=127.0.0.1:{port}\nnodes=0\n")
        (folder / "config/plugins").write_text("keep\n")
        (folder / "config/me").write_text("haraka.example\n")
        (folder / "plugins/keep.js").write_text(_KEEP.format(folder=folder))
        command = [str(node), str(HARAKA), "-c", str(folder)]
        with running(command, port, log):
            new = folder / "new"
            yield Foreign(
                port,
                lambda: subjects_of(p.read_bytes() for p in new.iterdir() if not p.suffix),
                log,
            )
