"""Dovecot's submission service, which cannot bear an envelope in the same write as a dot."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

from fakes.foreign.running import Foreign, new_folder, running, subjects_of
from fakes.mail.scripted_smtp import ScriptedServer
from fakes.ports import own_port

_DOVECOT = """\
protocols = submission
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
mail_location = maildir:{folder}/mail
first_valid_uid = 1
submission_relay_host = 127.0.0.1
submission_relay_port = {backend}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail
}}
service submission-login {{
  inet_listener submission {{
    port = {port}
  }}
  chroot =
}}
service anvil {{
  chroot =
}}
"""


@contextlib.contextmanager
def dovecot_submission() -> Iterator[Foreign]:
    """It hands on to a server of ours, whatever the user name and the password are."""
    owner = shutil.which("dovecot", path="/usr/sbin:/sbin")
    with new_folder("dovecot") as folder, ScriptedServer() as backend:
        (folder / "run").mkdir()
        (folder / "mail").mkdir()
        shutil.chown(folder / "mail", "nobody", "nogroup")
        port, stat = own_port(), (folder / "mail").stat()
        config = folder / "dovecot.conf"
        config.write_text(
            _DOVECOT.format(
                folder=folder, backend=backend.port, port=port, uid=stat.st_uid, gid=stat.st_gid
            )
        )
        log = folder / "log"
        with running([str(owner), "-F", "-c", str(config)], port, log):
            yield Foreign(port, lambda: subjects_of(each.data for each in backend.accepted), log)
