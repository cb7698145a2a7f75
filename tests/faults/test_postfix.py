"""A real Postfix with TLS and SASL, its own and private."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest

from fakes.certificates import Authority
from fakes.mail.postfix import SBIN, Postfix, can_run, private_postfix
from fakes.ports import own_port
from fakes.prepared.sending import Mailing, relay

pytestmark = pytest.mark.skipif(
    not can_run("saslpasswd2"),
    reason="needs root and the packages postfix, sasl2-bin, libsasl2-modules",
)


REALM = "postfix.test"
MAIN = """
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {folder}/etc/sasl
smtpd_sasl_local_domain = {realm}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
"""
SASL = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/sasldb2
mech_list: PLAIN LOGIN
"""


def with_login(folder: Path) -> str:
    """Lines of main.cf: over TLS only, and for ada@postfix.test with the password "secret"."""
    (folder / "etc" / "sasl").mkdir()
    (folder / "etc" / "sasl" / "smtpd.conf").write_text(SASL.format(folder=folder))
    passwords = folder / "sasldb2"
    command = ["saslpasswd2", "-p", "-c", "-f", str(passwords), "-u", REALM, "ada"]
    subprocess.run(command, input=b"secret", env=SBIN, check=True)
    shutil.chown(passwords, "postfix")
    pair = Authority(folder).issue("127.0.0.1")
    return MAIN.format(folder=folder, realm=REALM, cert=pair.cert, key=pair.key)


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    with private_postfix(own_port(), with_login) as running:
        yield running


def way(postfix: Postfix, connections: int = 3) -> str:
    more = [
        f'ca_file = "{postfix.folder}/ca.pem"',
        f'username = "ada@{REALM}"',
        'password = { env = "SMTP_PASSWORD" }',
    ]
    return relay(postfix.port, connections=connections, security="starttls", more="\n".join(more))


def test_letters_go_through_a_real_postfix(
    postfix: Postfix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 21, 23: no fault: STARTTLS with a verified certificate, login, three letters.
    By: Postfix with Cyrus SASL, delivering to a Maildir.
    Then: everybody is sent, and lies in the Maildir once.
    """
    monkeypatch.setenv("SMTP_PASSWORD", "secret")
    ending = Mailing(tmp_path, way(postfix), people=3).send()
    assert ending.all_but() == {"sent"}
    arrived = postfix.delivered(3)
    subjects = sorted(
        line for mail in arrived for line in mail.splitlines() if line.startswith(b"Subject:")
    )
    assert subjects == [b"Subject: Letter 1", b"Subject: Letter 2", b"Subject: Letter 3"]
    postfix.logged("sasl_method=PLAIN")


def test_lines_that_begin_with_dots_arrive_through_a_real_postfix(
    postfix: Postfix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 21, 23: no fault: lines of the letter begin with dots.
    By: Postfix with Cyrus SASL, delivering to a Maildir.
    Then: everybody is sent; all arrive with their dots as they were written.
    """
    monkeypatch.setenv("SMTP_PASSWORD", "secret")
    before = len(postfix.delivered(0))
    body = ".one\n..two\n.\nthree {{ number }}\n"
    only_one = way(postfix, connections=1)
    ending = Mailing(tmp_path, only_one, people=3, body=body).send()
    assert ending.all_but() == {"sent"}
    texts = [
        message_from_bytes(mail).get_payload(decode=True) for mail in postfix.delivered(before + 3)
    ]
    arrived = [text.replace(b"\r", b"") for text in texts if isinstance(text, bytes)]
    assert len([text for text in arrived if text.startswith(b".one\n..two\n.\nthree")]) == 3


def test_a_real_postfix_is_asked_once_with_a_wrong_password(
    postfix: Postfix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 21: a wrong password.
    By: Postfix with Cyrus SASL; three connections are allowed.
    Then: exit 77 after exactly one attempt; everybody stays planned.
    """
    monkeypatch.setenv("SMTP_PASSWORD", "wrong")
    before = postfix.log.read_text().count("authentication failed")
    ending = Mailing(tmp_path, way(postfix), people=3).send()
    assert ending.exit_code == 77
    assert ending.all_but() == {"planned"}
    postfix.logged("authentication failed", before + 1)
    assert postfix.log.read_text().count("authentication failed") == before + 1
