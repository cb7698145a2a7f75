"""chasquid, which cannot bear an envelope in the same write as a dot."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

from fakes.certificates import Authority
from fakes.foreign.running import Foreign, new_folder, running, subjects_of
from fakes.ports import own_port

_CHASQUID = """\
hostname: "chasquid.example"
smtp_address: "127.0.0.1:{port}"
submission_address: "127.0.0.1:{spare}"
monitoring_address: ""
data_dir: "{folder}/data"
mail_log_path: "{folder}/log"
mail_delivery_agent_bin: "/bin/true"
"""
_INTO_FOLDER = """\
#!/bin/sh
new=$(mktemp {folder}/new/XXXXXXXXXX) && cat > "$new"
"""


@contextlib.contextmanager
def chasquid() -> Iterator[Foreign]:
    """It pipes everything for example.com into files."""
    with new_folder("chasquid") as folder:
        for name in ("etc/domains/example.com", "etc/certs/chasquid.example", "data", "new"):
            (folder / name).mkdir(parents=True)
        pair = Authority(folder / "etc").issue("chasquid.example")
        certs = folder / "etc" / "certs" / "chasquid.example"
        shutil.copy(pair.cert, certs / "fullchain.pem")
        shutil.copy(pair.key, certs / "privkey.pem")
        script = folder / "deliver"
        script.write_text(_INTO_FOLDER.format(folder=folder))
        script.chmod(0o755)
        (folder / "etc/domains/example.com/aliases").write_text(f"*: | {script}\n")
        port = own_port()
        (folder / "etc/chasquid.conf").write_text(
            _CHASQUID.format(folder=folder, port=port, spare=own_port())
        )
        log = folder / "log"
        with running(["chasquid", f"-config_dir={folder}/etc"], port, log):
            new = folder / "new"
            yield Foreign(port, lambda: subjects_of(p.read_bytes() for p in new.iterdir()), log)
