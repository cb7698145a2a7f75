"""`check --live`: a signature is looked at again where the letter arrives.

A real Postfix is the relay, its Maildir, or a Dovecot on it, the mailbox of bounces.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.cli.main import main
from campaign.preflight.arrival import arrival_finding
from campaign.signing.arrived import OurKey, is_marked, judge_arrival, marks_of
from campaign.signing.signature import Signer, signatures
from fakes.mail import imap_server
from fakes.mail.dkim_keys import ed25519_key, rsa_key
from fakes.mail.dns_server import dns_server
from fakes.mail.postfix import OPEN, Postfix, can_run, private_postfix
from fakes.mail.scripted_smtp import Script, ScriptedServer, on, say
from fakes.ports import own_port
from fakes.prepared.campaigns import TOML, write

DKIM = '\n[[dkim]]\ndomain = "example.com"\nselector = "s1"\nkey = { file = "dkim.pem" }\n'
LETTER = (
    b"From: Ada <ada@example.com>\r\nTo: bob@example.com\r\nSubject: Your plan renews, Bob\r\n"
    b"Date: Sat, 28 Nov 2026 06:00:00 +0000\r\nMessage-ID: <abc123@example.com>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    b"Dear Bob,\r\nyour plan renews.\r\n"
)
needs_postfix = pytest.mark.skipif(not can_run(), reason="no postfix, or not root")
Look = Callable[..., dict[str, dict[str, str]]]


def signed(letter: bytes = LETTER) -> bytes:
    signer = Signer("example.com", "s1", rsa_key())
    return signatures(letter, [signer]) + letter


OURS = [OurKey("example.com", "s1", rsa_key())]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b"renews, Bob", b"renews, B", "Subject was changed from 'Your plan renews, Bob' to"),
        (b"To: bob@example.com\r\n", b"", "To was taken out"),
        (b"To: bob", b"To: eve@example.com\r\nTo: bob", "another To was added: 'eve@example.com'"),
        (b"MIME-V", b"Reply-To: eve@example.com\r\nMIME-V", "Reply-To was added: 'eve@example"),
        (b"your plan", b"our plan", "line 2 of the body was changed from 'your plan renews.' to"),
        (b"renews.\r\n", b"renews.\r\n-- \r\nA footer\r\n", "line 3 of the body was changed"),
        (b"; c=relaxed", b"; z=1; c=relaxed", "the field of the signature itself was changed"),
    ],
)  # fmt: skip
def test_what_broke_a_signature_is_named(before: bytes, after: bytes, said: str) -> None:
    sent = signed()
    assert before in sent
    arrival = judge_arrival(sent, sent.replace(before, after, 1), OURS)
    assert (arrival.whole, arrival.broken) == ((), ("example.com (s1)",))
    assert said in arrival.changes[0]
    finding = arrival_finding(arrival, "a box", 2.0)
    assert finding.level == "fail"
    assert said in finding.evidence


@given(
    st.lists(st.sampled_from([b" ", b"\r\n ", b"\r\n\t", b"  "]), min_size=40, max_size=40),
    st.booleans(),
)
def test_folding_and_white_space_that_relaxed_forgives_leave_it_whole(
    gaps: list[bytes], has_lf_alone: bool
) -> None:
    sent = signed()
    head, _, body = sent.partition(b"\r\n\r\n")
    parts = head.replace(b"\r\n ", b" ").split(b" ")
    joined = b"".join(
        part + (gaps[at % 40] if at < len(parts) - 1 else b"") for at, part in enumerate(parts)
    )
    arrived = b"Received: from a by b\r\n" + joined + b"\r\n\r\n" + body + b"\r\n\r\n"
    if has_lf_alone:
        arrived = arrived.replace(b"\r\n", b"\n")
    assert is_marked(arrived, marks_of(sent))
    assert judge_arrival(sent, arrived, OURS).whole == ("example.com (s1)",)


def test_each_of_two_signatures_is_looked_at_and_those_of_others_are_named() -> None:
    keys = [*OURS, OurKey("example.com", "e1", ed25519_key())]
    signers = [Signer(each.domain, each.selector, each.key) for each in keys]
    both = signatures(LETTER, signers) + LETTER
    foreign = signatures(LETTER, [Signer("esp.test", "x", ed25519_key())])
    arrival = judge_arrival(both, foreign + both, keys)
    assert arrival.whole == ("example.com (s1)", "example.com (e1)")
    assert arrival.others == ("esp.test (x)",)
    arrival = judge_arrival(both, signed(), keys)
    assert arrival.whole == ("example.com (s1)",)
    assert arrival.missing == ("example.com (e1)",)
    assert arrival_finding(arrival, "a box", 1.0).level == "fail"


def test_a_letter_without_a_key_of_ours_tells_who_signs() -> None:
    finding = arrival_finding(judge_arrival(LETTER, LETTER, []), "a box", 1.0)
    assert finding.level == "warn"
    assert "not signed" in finding.evidence
    finding = arrival_finding(judge_arrival(LETTER, signed(), []), "a box", 1.0)
    assert (finding.level, "example.com (s1)" in finding.evidence) == ("info", True)


@given(st.binary(max_size=400))
def test_whatever_arrives_is_judged(noise: bytes) -> None:
    sent = signed()
    judge_arrival(sent, noise, OURS)
    judge_arrival(sent, b"DKIM-Signature: " + noise + b"\r\n" + sent, OURS)
    is_marked(noise, marks_of(sent))


@pytest.fixture
def look(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Look]:
    """A campaign that is checked with --live; its letter goes to a port."""
    pem = tmp_path / "dkim.pem"
    pem.write_text(rsa_key().pem)
    pem.chmod(0o600)
    with dns_server() as server:

        def look_(port: int, more: str, *arguments: str) -> dict[str, dict[str, str]]:
            toml = TOML.replace("port = 1", f"port = {port}")
            toml += f'{more}\n[dns]\nnameservers = ["{server.address}"]\ntimeout = "300ms"\n'
            write(tmp_path, toml=toml)
            capfd.readouterr()
            main(["check", str(tmp_path), "--live", "--json", *arguments])
            said = json.loads(capfd.readouterr().out)
            return {one["id"]: one for one in said if one["id"].startswith("live-")}

        yield look_


def bounces(source: Path | str, more: str = "") -> str:
    return f'\n[bounces]\nenvelope_from = "b+{{token}}@example.com"\nsource = "{source}"\n{more}'


def box_of(postfix: Postfix) -> Path:
    """The Maildir, which Postfix makes with the first letter."""
    box = postfix.folder / "mail" / "box"
    for part in (box, box / "new", box / "cur", box / "tmp"):
        part.mkdir(exist_ok=True)
        owner = (postfix.folder / "mail").stat()
        os.chown(part, owner.st_uid, owner.st_gid)
    return box


@needs_postfix
def test_a_signature_that_survives_a_real_relay_is_seen_in_the_mailbox_of_bounces(
    look: Look, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with private_postfix(own_port(), OPEN) as postfix:
        box = box_of(postfix)
        found = look(postfix.port, DKIM + bounces(box))
        assert found["live-letter"]["level"] == "ok", found
        assert found["live-signature"]["level"] == "ok", found
        assert f"example.com (s1): whole in {box}" in found["live-signature"]["evidence"]
        assert len(list((box / "new").iterdir())) == 1  # it stays where it is
        capfd.readouterr()
        assert main(["bounces", "--campaign", str(tmp_path), "--json"]) == 0
        told = json.loads(capfd.readouterr().out)
        assert (told["mails"], told["new_events"], told["suppressed"]) == (1, 0, 0), told


@needs_postfix
@pytest.mark.parametrize(
    ("which", "rule", "said"),
    [
        ("header_checks", "/^Subject: (.*)$/ REPLACE Subject: [list] $1", "Subject was changed"),
        ("header_checks", "/^DKIM-Signature:/ IGNORE", "taken out of the letter"),
        ("body_checks", "/renews/ REPLACE is changed", "of the body was changed"),
    ],
)
def test_a_relay_that_breaks_a_signature_fails_the_check(
    look: Look, which: str, rule: str, said: str
) -> None:
    def settings(folder: Path) -> str:
        (folder / "etc" / "rules").write_text(f"{rule}\n")
        return f"{OPEN}\n{which} = regexp:{folder}/etc/rules\n"

    with private_postfix(own_port(), settings) as postfix:
        found = look(postfix.port, DKIM + bounces(box_of(postfix)))
        assert found["live-signature"]["level"] == "fail", found
        assert said in found["live-signature"]["evidence"]
        assert "let the relay" in found["live-signature"]["remedy"]


@needs_postfix
@pytest.mark.skipif(not imap_server.can_run(), reason="no dovecot, or not root")
def test_the_mailbox_may_be_on_a_server_and_what_lay_there_before_is_not_read(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOUNCE_PASSWORD", imap_server.PASSWORD)
    with private_postfix(own_port(), OPEN) as postfix:
        box = box_of(postfix)
        with imap_server.dovecot_imap(mail=box) as imap:
            imap.deliver("old", b"Subject: old\n\nold\n")
            user = imap_server.USER.replace("@", "%40")
            more = f'password = {{ env = "BOUNCE_PASSWORD" }}\nca_file = "{imap.ca_file}"\n'
            source = f"imaps://{user}@localhost:{imap.tls_port}/INBOX"
            found = look(postfix.port, DKIM + bounces(source, more))
            assert found["live-signature"]["level"] == "ok", found
            assert "whole in imaps://" in found["live-signature"]["evidence"]
            monkeypatch.setenv("BOUNCE_PASSWORD", "wrong")
            found = look(postfix.port, DKIM + bounces(source, more))
            assert found["live-letter"]["level"] == "ok", found
            assert found["live-signature"]["level"] == "not-checked"
            assert "refused the login" in found["live-signature"]["evidence"]


def test_what_cannot_be_known_is_said_with_its_reason(look: Look, tmp_path: Path) -> None:
    box = tmp_path / "box"
    for part in ("new", "cur", "tmp"):
        (box / part).mkdir(parents=True)
    with ScriptedServer() as relay:
        found = look(relay.port, DKIM + bounces(box), "--wait", "100ms")
        assert found["live-signature"]["level"] == "not-checked"
        assert "is not in" in found["live-signature"]["evidence"]
        assert "@example.com" in relay.accepted[0].recipients[0]
        found = look(relay.port, DKIM + bounces(box), "--to", "me@example.com")
        assert "the letter went to me@example.com" in found["live-signature"]["evidence"]
        found = look(relay.port, DKIM + bounces(tmp_path / "nowhere"))
        assert found["live-letter"]["level"] == "ok"
        assert "there is no mailbox" in found["live-signature"]["evidence"]
        found = look(relay.port, DKIM)
        assert "the letter went to the sandbox" in found["live-signature"]["evidence"]
    with ScriptedServer(Script(on("RCPT", say("550 5.7.1 no")))) as relay:
        found = look(relay.port, DKIM + bounces(box))
        assert found["live-letter"]["level"] == "fail"
        assert "was not taken" in found["live-signature"]["evidence"]
