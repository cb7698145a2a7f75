"""`campaign dkim check` and `campaign dkim rotate`, against nameservers on loopback."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaign.cli.commands.dkim import check, rotate
from campaign.cli.main import main
from campaign.config.loader import load
from campaign.signing.keys import read_key
from campaign.signing.record import as_strings, record_text
from fakes.mail.dkim_keys import ed25519_key, rsa_key
from fakes.mail.dns_server import DnsServer, Fault, dns_server
from fakes.prepared.campaigns import TOML, write

DKIM = """
[[dkim]]
domain = "example.com"   # of From
selector = 's1'
key = { file = "keys/s1.pem" }

[delivery]
expire_after = "48h"

[dns]
nameservers = ["{server}"]
timeout = "0.5s"
"""
NAME = "s1._domainkey.example.com"
OURS = record_text("rsa", rsa_key().public)


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, server: DnsServer) -> Path:
    return campaign(tmp_path / "spring", DKIM.replace("{server}", server.address))


def campaign(folder: Path, more: str, toml: str = TOML) -> Path:
    (folder / "keys").mkdir(parents=True)
    for name, pem in (("s1", rsa_key().pem), ("e1", ed25519_key().pem)):
        path = folder / "keys" / f"{name}.pem"
        path.write_text(pem)
        path.chmod(0o600)
    return write(folder, toml=toml + more)


def add(server: DnsServer, name: str, *texts: str, ttl: int = 300) -> None:
    """TXT records, in strings as short as they must be."""
    quoted = [" ".join(f'"{part}"' for part in as_strings(text)) for text in texts]
    server.add(name, "TXT", *quoted, ttl=ttl)


def checked(folder: Path, capsys: pytest.CaptureFixture[str], code: int) -> list[dict[str, str]]:
    capsys.readouterr()
    assert main(["dkim", "check", str(folder), "--json"]) == code
    found: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    return found


def test_a_record_of_several_strings_is_our_key(
    folder: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(as_strings(OURS)) == 2
    add(server, NAME, OURS)
    (finding,) = checked(folder, capsys, 0)
    assert (finding["level"], finding["selector"], finding["id"]) == ("ok", "s1", "dkim-record")
    assert "TTL 5m" in finding["evidence"]


def test_an_alias_is_followed(
    folder: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.add(NAME, "CNAME", "s1.example.com.dkim.provider.test.")
    add(server, "s1.example.com.dkim.provider.test", OURS)
    (finding,) = checked(folder, capsys, 0)
    assert "by way of s1.example.com.dkim.provider.test" in finding["evidence"]


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ((), "there is no record"),
        (("v=DKIM1; p=",), "revoked"),
        ((OURS, "v=DKIM1; p="), "there are 2 TXT records"),
        ((record_text("rsa", "AAAA"),), "not the public part"),
        ((record_text("ed25519", ed25519_key().public),), "k=ed25519"),
        ((OURS.replace("k=rsa", "k=rsa\\; h=sha1"),), "h=sha1"),
        ((OURS.replace("k=rsa", "k=rsa\\; s=tlsrpt"),), "s=tlsrpt"),
        ((OURS.replace("k=rsa", "k=rsa\\; t=y"),), "t=y"),
        (("v=spf1 -all",), "v= must be DKIM1"),
    ],
)  # fmt: skip
def test_a_record_that_verifies_nothing_is_a_fail(
    folder: Path,
    server: DnsServer,
    capsys: pytest.CaptureFixture[str],
    texts: tuple[str, ...],
    why: str,
) -> None:
    if texts:
        add(server, NAME, *texts)
    (finding,) = checked(folder, capsys, 1)
    assert finding["level"] == "fail"
    assert why in finding["evidence"]
    assert OURS in finding["remedy"]


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.SILENCE, Fault.GARBAGE])
def test_no_answer_is_not_known_and_never_missing(
    folder: Path, server: DnsServer, capsys: pytest.CaptureFixture[str], fault: Fault
) -> None:
    add(server, NAME, OURS)
    server.fail("*", "*", fault)
    (finding,) = checked(folder, capsys, 1)
    assert finding["level"] == "not-checked"
    assert finding["evidence"].startswith("not known: ")


def test_each_entry_is_looked_at(
    tmp_path: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    second = '\n[[dkim]]\ndomain = "example.com"\nselector = "e1"\nkey = { file = "keys/e1.pem" }\n'
    folder = campaign(tmp_path / "both", DKIM.replace("{server}", server.address) + second)
    add(server, NAME, OURS)
    found = checked(folder, capsys, 1)
    assert [(each["selector"], each["level"]) for each in found] == [("s1", "ok"), ("e1", "fail")]


def test_a_short_key_is_a_warning(
    folder: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "keys" / "s1.pem").write_text(rsa_key(1024).pem)
    add(server, NAME, record_text("rsa", rsa_key(1024).public))
    _, warning = checked(folder, capsys, 0)
    assert (warning["level"], warning["id"]) == ("warn", "dkim-key")


def test_a_domain_that_from_is_not_of_is_a_warning(
    tmp_path: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = TOML.replace("ada@example.com", "ada@example.org")
    folder = campaign(tmp_path / "other", DKIM.replace("{server}", server.address), toml)
    add(server, NAME, OURS)
    _, warning = checked(folder, capsys, 0)
    assert (warning["level"], warning["id"]) == ("warn", "dkim-aligned")


def test_findings_are_said_to_a_person(
    folder: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dkim", "check", str(folder)]) == 1
    said = capsys.readouterr().out
    assert f"fail  s1 of example.com: {NAME}: there is no record" in said
    assert f"publish as TXT of {NAME}: {OURS}" in said


def test_without_an_entry_there_is_nothing_to_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dkim", "check", str(write(tmp_path / "none"))]) == 64
    assert "has no [[dkim]]" in capsys.readouterr().err


def rotated(
    folder: Path, capsys: pytest.CaptureFixture[str], code: int, *arguments: str
) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["dkim", "rotate", str(folder), "--json", *arguments]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def signs_with(folder: Path) -> tuple[str, str | None]:
    (entry,) = load(folder).settings.dkim
    return entry.selector, entry.key.file


def test_a_change_waits_for_the_record_and_then_is_made(
    folder: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    add(server, NAME, OURS, ttl=3600)
    server.add("example.com", "NS", "ns1.example.com.")
    server.add("ns1.example.com", "A", "127.0.0.1")
    before = (folder / "campaign.toml").read_text()

    begun = rotated(folder, capsys, 0, "--selector", "s2")
    assert (begun["state"], begun["name"]) == ("pending", "s2._domainkey.example.com")
    assert signs_with(folder) == ("s1", "keys/s1.pem")
    assert (folder / "campaign.toml").read_text() == before

    waiting = rotated(folder, capsys, 1)
    assert (waiting["state"], waiting["selector"]) == ("waiting", "s2")
    assert [each["shows"] for each in waiting["nameservers"]] == [False]
    assert signs_with(folder) == ("s1", "keys/s1.pem")

    add(server, begun["name"], begun["value"])
    changed = rotated(folder, capsys, 0)
    assert changed["state"] == "changed"
    assert signs_with(folder) == ("s2", "keys/s2.example.com.pem")
    key = read_key((folder / "keys" / "s2.example.com.pem").read_text())
    assert begun["value"] == record_text("rsa", key.public)
    # The last signature, the 48 hours of [delivery], the hour of the record.
    days = {
        time.strftime("%Y-%m-%d", time.gmtime(time.time() + 49 * 3600 - ago)) for ago in (0, 60)
    }
    assert changed["old_record_until"] in days
    assert checked(folder, capsys, 0)[0]["level"] == "ok"


def test_only_the_two_values_change_in_the_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "campaign.toml").read_text()
    (folder / "campaign.toml").chmod(0o640)
    rotated(folder, capsys, 0, "--selector", "s2")
    rotated(folder, capsys, 0, "--now")
    after = (folder / "campaign.toml").read_text()
    expected = before.replace("'s1'", '"s2"').replace("keys/s1.pem", "keys/s2.example.com.pem")
    assert after == expected
    assert (folder / "campaign.toml").stat().st_mode & 0o777 == 0o640


def test_what_cannot_be_changed_by_a_program_is_left_as_it_is(
    tmp_path: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    more = DKIM.replace("{server}", server.address).replace("'s1'", "'''s1'''")
    folder = campaign(tmp_path / "odd", more)
    rotated(folder, capsys, 0, "--selector", "s2")
    before = (folder / "campaign.toml").read_text()
    assert main(["dkim", "rotate", str(folder), "--now"]) == 78
    said = capsys.readouterr().err
    assert 'write dkim.selector = "s2" yourself' in said
    assert re.search(r"campaign\.toml:\d+: ", said)
    assert (folder / "campaign.toml").read_text() == before


def test_a_second_campaign_with_the_same_key_changes_to_the_same_one(
    tmp_path: Path, folder: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (folder / "campaign.toml").read_text().replace("keys/s1.pem", "../spring/keys/s1.pem")
    other = write(tmp_path / "summer", toml=text)
    rotated(folder, capsys, 0, "--selector", "s2")
    rotated(folder, capsys, 0, "--now")
    rotated(other, capsys, 0, "--now")
    assert signs_with(other) == ("s2", "../spring/keys/s2.example.com.pem")


def test_one_nameserver_that_does_not_show_it_is_enough_to_wait(
    folder: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.add("example.com", "NS", "ns1.example.com.", "ns2.example.com.", "ns3.example.com.")
    for number, host in ((1, "127.0.0.1"), (2, "127.0.0.2"), (3, "127.0.0.3")):
        server.add(f"ns{number}.example.com", "A", host)
    begun = rotated(folder, capsys, 0)
    add(server, begun["name"], begun["value"])
    with dns_server(host="127.0.0.2", port=server.port) as second:
        # Nobody listens on 127.0.0.3.
        waiting = rotated(folder, capsys, 1)
        shows = {each["host"]: each["shows"] for each in waiting["nameservers"]}
        assert shows == {"ns1.example.com": True, "ns2.example.com": False, "ns3.example.com": None}
        add(second, begun["name"], begun["value"])
        with dns_server(host="127.0.0.3", port=server.port) as third:
            add(third, begun["name"], begun["value"])
            assert rotated(folder, capsys, 0)["state"] == "changed"


def test_nameservers_that_cannot_be_found_out_are_not_known(
    folder: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    rotated(folder, capsys, 0)
    server.fail("*", "*", Fault.SERVFAIL)
    assert main(["dkim", "rotate", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "not known: " in said
    assert signs_with(folder) == ("s1", "keys/s1.pem")


def test_of_several_entries_one_is_named(
    tmp_path: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    second = '\n[[dkim]]\ndomain = "example.com"\nselector = "e1"\nkey = { file = "keys/e1.pem" }\n'
    folder = campaign(tmp_path / "both", DKIM.replace("{server}", server.address) + second)
    assert main(["dkim", "rotate", str(folder)]) == 64
    assert "--entry: s1, e1" in capsys.readouterr().err
    begun = rotated(folder, capsys, 0, "--entry", "e1", "--selector", "e2")
    assert "k=ed25519" in begun["value"]
    rotated(folder, capsys, 0, "--entry", "e1", "--now")
    assert [entry.selector for entry in load(folder).settings.dkim] == ["s1", "e2"]


def test_a_key_that_is_in_no_file_is_not_changed(
    tmp_path: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    more = DKIM.replace("{server}", server.address)
    more = more.replace('{ file = "keys/s1.pem" }', '{ command = "cat keys/s1.pem" }')
    assert main(["dkim", "rotate", str(campaign(tmp_path / "cat", more))]) == 64
    assert "is in no file" in capsys.readouterr().err


def test_two_changes_do_not_begin_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rotated(folder, capsys, 0, "--selector", "s2")
    assert main(["dkim", "rotate", str(folder), "--selector", "s3"]) == 64
    assert "a change to s2 has begun" in capsys.readouterr().err


@pytest.mark.parametrize("example", [*check.EXAMPLES, *rotate.EXAMPLES])
def test_the_examples_are_understood(
    folder: Path, server: DnsServer, monkeypatch: pytest.MonkeyPatch, example: str
) -> None:
    monkeypatch.chdir(folder.parent)
    add(server, NAME, OURS)
    arguments = shlex.split(example.replace("9.9.9.9", server.address))[1:]
    assert main(arguments) == 0
