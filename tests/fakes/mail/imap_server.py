"""A real Dovecot: its own configuration and folder, mail in a Maildir, TLS, XOAUTH2 with a token.

In: nothing.  Out: ports, the Maildir, the CA file.  Touches: a folder under /var/tmp, ports on
loopback.  User and password are USER and PASSWORD, a token is made by `token`.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fakes.certificates import Authority
from fakes.foreign.running import new_folder, running
from fakes.ports import own_port

USER, PASSWORD = "bounces@example.com", "secret-of-the-mailbox"
_CONFIG = """\
protocols = imap
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
listen = 127.0.0.1
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
auth_mechanisms = plain xoauth2
mail_location = maildir:{mail}
first_valid_uid = 1
passdb {{
  driver = static
  args = password={password}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={mail}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
  chroot =
}}
service anvil {{
  chroot =
}}
{more}
"""
_OAUTH2 = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={folder}/keys/
username_attribute = sub
"""
_KEY = b"the key of this test's tokens...."


def token(user: str = USER) -> str:
    """An access token (RFC 7519) that this server takes."""

    def packed(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    head = packed(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    claims = {"sub": user, "iat": int(time.time()) - 10, "exp": int(time.time()) + 600}
    signed = f"{head}.{packed(json.dumps(claims).encode())}"
    return f"{signed}.{packed(hmac.digest(_KEY, signed.encode(), 'sha256'))}"


@dataclass(frozen=True)
class ImapServer:
    """A running Dovecot."""

    port: int  # STARTTLS
    tls_port: int
    ca_file: str
    mail: Path  # the Maildir
    log: Path

    def deliver(self, name: str, raw: bytes) -> None:
        """As a delivery agent does: written aside, then moved in."""
        aside = self.mail / "tmp" / name
        aside.write_bytes(raw)
        owner = self.mail.stat()
        os.chown(aside, owner.st_uid, owner.st_gid)
        aside.rename(self.mail / "new" / name)


def can_run() -> bool:
    return os.geteuid() == 0 and Path("/usr/lib/dovecot/imap").exists()


@contextlib.contextmanager
def dovecot_imap(more: str = "", mail: Path | None = None) -> Iterator[ImapServer]:
    """`more`: lines of its configuration; `mail`: a Maildir of somebody else, such as Postfix."""
    owner = shutil.which("dovecot", path="/usr/sbin:/sbin")
    with new_folder("dovecot-imap") as folder:
        (folder / "run").mkdir()
        if mail is None:
            mail = folder / "mail"
            for part in (mail, mail / "new", mail / "cur", mail / "tmp"):
                part.mkdir()
                shutil.chown(part, "nobody", "nogroup")
        keys = folder / "keys" / "default" / "HS256"
        keys.mkdir(parents=True)
        (keys / "default").write_text(base64.b64encode(_KEY).decode())
        (folder / "oauth2.conf").write_text(_OAUTH2.format(folder=folder))
        authority = Authority(folder)
        pair = authority.issue("127.0.0.1", "localhost")
        stat = mail.stat()
        port, tls_port = own_port(), own_port()
        config = folder / "dovecot.conf"
        config.write_text(
            _CONFIG.format(
                folder=folder, mail=mail, cert=pair.cert, key=pair.key, port=port,
                tls_port=tls_port, uid=stat.st_uid, gid=stat.st_gid, password=PASSWORD, more=more,
            )
        )  # fmt: skip
        with running([str(owner), "-F", "-c", str(config)], tls_port, folder / "log"):
            yield ImapServer(port, tls_port, authority.ca_file, mail, folder / "log")
