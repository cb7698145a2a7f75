"""`campaign check`: a whole campaign against a nameserver and a relay of our own."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from campaign.cli.checked import show_last_check
from campaign.cli.main import main
from campaign.cli.terminal.tables import columns
from campaign.config.loader import load
from campaign.errors import ConfigError
from campaign.journal.checking import LastCheck, keep_check, last_check, plan_digest
from campaign.planning.summary import read_summary
from campaign.preflight.list_checks import ListCount, list_findings, volume_findings
from campaign.preflight.rules import BY_ID, RULES
from campaign.signing.record import record_text
from fakes.clock import FakeClock
from fakes.mail.dkim_keys import rsa_key
from fakes.mail.dns_server import DnsServer, Fault, dns_server
from fakes.mail.scripted_smtp import Script, ScriptedServer
from fakes.prepared.campaigns import HTML, write
from fakes.web.providers import provider_server

TOML = """\
name = "spring"
[recipients]
files = ["list.csv"]
[message]
from = "Ada Lovelace <ada@sender.test>"
subject = "{{{{ first_name }}}}, your plan renews"
text = "body.txt"
html = "body.html"
[unsubscribe]
url = "https://sender.test/u"
secret = {{ env = "CAMPAIGN_SECRET" }}
list = "news"
[[dkim]]
domain = "sender.test"
selector = "s1"
key = {{ file = "dkim.pem" }}
{way}
[dns]
nameservers = ["{nameserver}"]
timeout = "300ms"
[check]
required = true
"""
RELAY = '[relay]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
DIRECT = '[direct]\nhello = "mail.sender.test"\n'
REAL = (
    "gmail.com", "yahoo.fr", "yahoo.co.jp", "hotmail.de", "live.nl", "outlook.es", "139.com",
    "189.cn", "yeah.net", "sina.com", "sina.cn", "sohu.com", "qq.com", "163.com", "126.com",
    "foxmail.com", "privaterelay.appleid.com", "duck.com", "mozmail.com", "hush.com",
    "icloud.com", "gmx.at", "web.de", "mail.ru", "yandex.ru", "naver.com",
)  # fmt: skip
ROWS = (("ada@live.test", "Ada", "gold"), ("info@live.test", "Bob", "silver"))
Check = Callable[..., tuple[int, dict[str, list[dict[str, str]]]]]


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


@pytest.fixture
def relay() -> Iterator[ScriptedServer]:
    with ScriptedServer() as relay:
        yield relay


@pytest.fixture
def folder(
    tmp_path: Path, server: DnsServer, relay: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A sound campaign, with all that the DNS should say of it."""
    monkeypatch.setenv("CAMPAIGN_SECRET", "correct horse battery staple, and more of it")
    toml = TOML.format(way=RELAY.format(port=relay.port), nameserver=server.address)
    write(tmp_path, rows=ROWS, html=HTML, toml=toml)
    pem = tmp_path / "dkim.pem"
    key = rsa_key()
    pem.write_text(key.pem)
    pem.chmod(0o600)
    server.add("sender.test", "TXT", '"v=spf1 ip4:192.0.2.10 include:esp.test -all"')
    server.add("esp.test", "TXT", '"v=spf1 ip4:198.51.100.0/24 ~all"')
    server.add("sender.test", "MX", "10 mx.sender.test.")
    server.add("mx.sender.test", "A", "192.0.2.20")
    server.add("mail.sender.test", "A", "192.0.2.10")
    server.add("10.2.0.192.in-addr.arpa", "PTR", "mail.sender.test.")
    text = record_text(key.kind, key.public).replace(";", "\\;")
    server.add("s1._domainkey.sender.test", "TXT", f'"{text[:200]}" "{text[200:]}"')
    server.add(
        "_dmarc.sender.test", "TXT", '"v=DMARC1\\; p=quarantine\\; rua=mailto:d@sender.test"'
    )
    server.add("live.test", "MX", "10 mx.sender.test.")
    return tmp_path


@pytest.fixture
def check(folder: Path, capfd: pytest.CaptureFixture[str]) -> Check:
    def check_(*arguments: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
        capfd.readouterr()
        code = main(["check", str(folder), "--json", *arguments])
        found: dict[str, list[dict[str, str]]] = {}
        for one in json.loads(capfd.readouterr().out):
            assert set(one) == {"id", "group", "level", "evidence", "rule", "remedy"}
            found.setdefault(one["id"], []).append(one)
        return code, found

    return check_


def level(found: dict[str, list[dict[str, str]]], id: str) -> str:
    return ",".join(one["level"] for one in found[id])


def levels(found: dict[str, list[dict[str, str]]]) -> set[str]:
    return {one["level"] for some in found.values() for one in some}


def rewrite(folder: Path, before: str, after: str) -> None:
    file = folder / "campaign.toml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def test_a_sound_campaign_has_no_fail_and_few_questions(
    check: Check, server: DnsServer, relay: ScriptedServer
) -> None:
    code, found = check()
    assert code == 0, found
    assert not levels(found) & {"fail", "warn"}, found
    for id in ("spf-record", "dkim-record", "dmarc-record", "dmarc-aligned", "letter-one-click",
               "letter-signed", "letter-id", "relay-connect", "list-domains"):  # fmt: skip
        assert level(found, id) == "ok", found[id]
    assert level(found, "list-roles") == "info"
    assert len(server.asked) <= 60
    assert not relay.letters
    assert found.keys() == BY_ID.keys()


def test_the_fullest_setup_asks_at_most_60_questions(
    folder: Path, check: Check, server: DnsServer, relay: ScriptedServer
) -> None:
    rewrite(folder, RELAY.format(port=relay.port), DIRECT)
    lists = '["zen.list.test", "other.list.test", "domain:dbl.list.test"]'
    rewrite(folder, "required = true", f"block_lists = {lists}")
    server.add("_smtp._tls.sender.test", "TXT", '"v=TLSRPTv1\\; rua=mailto:t@sender.test"')
    server.add("default._bimi.sender.test", "TXT", '"v=BIMI1\\; l=https://sender.test/l.svg"')
    server.add("sender.test", "MX", "10 mx.sender.test.", secure=True)
    server.add("mx.sender.test", "A", "192.0.2.20", secure=True)
    server.add("_25._tcp.mx.sender.test", "TLSA", f"3 1 1 {'ab' * 32}", secure=True)
    code, found = check()
    assert code == 0, found
    for id in ("ptr", "spf-sender", "tls-rpt", "block-lists", "dmarc-record"):
        assert level(found, id) == "ok", found[id]
    assert 15 <= len(server.asked) <= 60, server.asked


def test_offline_asks_nobody_and_names_what_it_did_not_ask(
    check: Check, server: DnsServer, relay: ScriptedServer
) -> None:
    code, found = check("--offline")
    assert code == 0
    assert (server.asked, relay.commands) == ([], [])
    past = {"volume-growth", "list-growth"}  # there is no campaign beside this one
    for rule in (rule for rule in RULES if rule.id not in past):
        is_asked = rule.needs == "files"
        assert (level(found, rule.id) == "not-checked") is not is_asked, rule.id


def test_a_nameserver_that_knows_nothing_is_never_a_fail(check: Check, server: DnsServer) -> None:
    server.fail("*", "*", Fault.SERVFAIL)
    code, found = check()
    assert code == 0
    assert "fail" not in levels(found), found
    assert found.keys() == BY_ID.keys()
    for id in ("spf-record", "dkim-record", "dmarc-record", "dmarc-aligned", "sender-mail",
               "mta-sts", "tls-rpt", "bimi", "dane", "list-domains"):  # fmt: skip
        assert level(found, id) == "not-checked", found[id]


def test_what_is_missing_in_the_dns_fails_with_the_record_to_write(
    check: Check, server: DnsServer
) -> None:
    for name in ("sender.test", "_dmarc.sender.test", "s1._domainkey.sender.test"):
        server.fail(name, "TXT", Fault.NXDOMAIN)
    code, found = check()
    assert code == 1
    assert level(found, "spf-record") == "fail"
    assert found["spf-record"][0]["remedy"].startswith('TXT sender.test  "v=spf1 ')
    assert 'TXT _dmarc.sender.test  "v=DMARC1; p=none;' in found["dmarc-record"][0]["remedy"]
    assert "v=DKIM1; k=rsa; p=" in found["dkim-record"][0]["remedy"]
    assert "RFC 7208" in found["spf-record"][0]["rule"]
    assert found.keys() == BY_ID.keys()


def test_what_needs_a_session_or_a_key_that_is_not_there_is_named(
    folder: Path, check: Check, relay: ScriptedServer
) -> None:
    rewrite(folder, f"port = {relay.port}", "port = 1")
    (folder / "dkim.pem").write_text("no key")
    code, found = check()
    assert code == 1
    assert level(found, "relay-connect") == level(found, "dkim-record") == "fail"
    for id in ("relay-tls", "relay-size", "dkim-key"):
        assert level(found, id) == "not-checked", found[id]
    assert found.keys() == BY_ID.keys()


def test_a_nameserver_that_is_silent_about_the_relay_is_never_a_fail(
    folder: Path, check: Check, relay: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(folder, 'host = "127.0.0.1"', 'host = "relay.sender.test"')

    def silent(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    _, found = check()
    assert level(found, "relay-connect") == "not-checked", found["relay-connect"]
    assert "Temporary failure" in found["relay-connect"][0]["evidence"]


def test_hosts_of_direct_delivery_need_names_that_lead_back(
    folder: Path, check: Check, server: DnsServer, relay: ScriptedServer
) -> None:
    rewrite(folder, RELAY.format(port=relay.port), DIRECT)
    _, found = check()
    assert level(found, "ptr") == level(found, "hello-name") == "ok", found
    assert level(found, "spf-sender") == "ok"
    server.add("10.2.0.192.in-addr.arpa", "PTR", "elsewhere.test.")
    server.add("sender.test", "TXT", '"v=spf1 ip4:203.0.113.1 -all"')
    code, found = check()
    assert code == 1
    assert level(found, "ptr") == level(found, "spf-sender") == "fail"
    assert "add ip4:192.0.2.10" in found["spf-sender"][0]["remedy"]


def test_each_address_to_send_from_is_looked_at_with_its_own_name(
    folder: Path, check: Check, server: DnsServer, relay: ScriptedServer
) -> None:
    other = '{ address = "192.0.2.11", hello = "other.sender.test" }'
    rewrite(folder, RELAY.format(port=relay.port), f'{DIRECT}addresses = ["192.0.2.10", {other}]\n')
    server.add("other.sender.test", "A", "192.0.2.11")
    server.add("11.2.0.192.in-addr.arpa", "PTR", "other.sender.test.")
    _, found = check()
    assert [one["level"] for one in found["ptr"]] == ["ok", "ok"]
    assert [one["level"] for one in found["hello-name"]] == ["ok", "ok"]
    assert [one["level"] for one in found["spf-sender"]] == ["ok", "fail"]
    assert "add ip4:192.0.2.11" in found["spf-sender"][1]["remedy"]


def test_what_gmail_and_outlook_say_is_read_with_the_tokens_of_the_settings(
    folder: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found = check()
    for id in ("gmail-spam", "gmail-rules", "outlook-snds", "block-lists"):
        assert level(found, id) == "not-checked"
    monkeypatch.setenv("SNDS_KEY", "a-key")
    (folder / "token").write_text("a-token\n")
    (folder / "token").chmod(0o600)
    with provider_server() as provider:
        day = {"year": 2026, "month": 11, "day": 20}
        rate = {"metric": "spam", "date": day, "value": {"floatValue": 0.004}}
        provider.say("/v2/domains/sender.test/domainStats:query", {"domainStats": [rate]})
        row = {"requirement": "DMARC_POLICY", "status": {"status": "NEEDS_WORK"}}
        provider.say(
            "/v2/domains/sender.test/complianceStatus", {"complianceData": {"rowData": [row]}}
        )
        provider.say("/snds", "192.0.2.10,11/26/2026 1:00 AM,,9,9,9,YELLOW,< 0.1%,,,0,,,\r\n")
        (folder / "campaign.toml").write_text(
            (folder / "campaign.toml").read_text()
            + f"""[postmaster]
google = {{ command = "cat token" }}
google_url = "{provider.url}"
snds = {{ env = "SNDS_KEY" }}
snds_url = "{provider.url}/snds"
"""
        )
        code, found = check()
        asked = {(one.path, one.authorization) for one in provider.asked}
    assert code == 1
    assert level(found, "gmail-spam") == "fail"
    assert "0.40 % on 2026-11-20" in found["gmail-spam"][0]["evidence"]
    assert (level(found, "gmail-rules"), level(found, "outlook-snds")) == ("warn", "warn")
    assert ("/snds?key=a-key", "") in asked
    assert ("/v2/domains/sender.test/complianceStatus", "Bearer a-token") in asked


def test_a_token_that_cannot_be_had_is_not_checked(folder: Path, check: Check) -> None:
    file = folder / "campaign.toml"
    file.write_text(file.read_text() + '[postmaster]\ngoogle = { env = "NO_SUCH_TOKEN" }\n')
    code, found = check()
    assert code == 0
    assert level(found, "gmail-spam") == "not-checked"
    assert "NO_SUCH_TOKEN is not set" in found["gmail-spam"][0]["evidence"]


def test_block_lists_are_asked_about_domains_and_addresses(
    folder: Path, check: Check, server: DnsServer, relay: ScriptedServer
) -> None:
    rewrite(folder, RELAY.format(port=relay.port), DIRECT)
    lists = '["zen.list.test", "domain:dbl.list.test"]'
    rewrite(folder, "required = true", f"block_lists = {lists}")
    _, found = check()
    assert level(found, "block-lists") == "ok"
    server.add("10.2.0.192.zen.list.test", "A", "127.0.0.3")
    code, found = check()
    assert (code, level(found, "block-lists")) == (1, "fail")


def test_one_row_is_judged_alone(
    folder: Path, capfd: pytest.CaptureFixture[str], server: DnsServer
) -> None:
    (folder / "body.html").write_text('<p>{{ first_name }}<a href="https://bit.ly/x">here</a>')
    assert main(["check", str(folder), "--row", "2"]) == 0
    shown = capfd.readouterr().out
    assert "spring: row 2, 1 remark" in shown
    assert "bit.ly hides where a link goes" in shown
    assert main(["check", str(folder), "--row", "1", "--json"]) == 0
    (found,) = json.loads(capfd.readouterr().out)
    assert (found["id"], found["level"], found["group"]) == ("letter-links", "warn", "Letters")
    assert server.asked == []


def test_a_relay_that_is_gone_fails(folder: Path, check: Check, relay: ScriptedServer) -> None:
    relay.stop()
    code, found = check()
    assert code == 1
    assert level(found, "relay-connect") == "fail"


def test_a_relay_that_takes_less_than_the_largest_letter_fails(
    folder: Path, check: Check, relay: ScriptedServer
) -> None:
    with ScriptedServer(Script(extensions=("PIPELINING", "SIZE 1000"))) as small:
        rewrite(folder, f"port = {relay.port}", f"port = {small.port}")
        code, found = check()
    assert code == 1
    assert level(found, "relay-connect") == "ok"
    assert level(found, "relay-size") == "fail"
    assert "1 KB" in found["relay-size"][0]["evidence"]


def test_domains_that_take_no_mail_are_found_with_one_look_up_each(
    folder: Path, check: Check, server: DnsServer
) -> None:
    with (folder / "list.csv").open("a") as file:
        file.write("a@null.test,A,x\nb@null.test,B,x\nc@gone.test,C,x\nd@broken.test,D,x\n")
    server.add("null.test", "MX", "0 .")
    server.fail("broken.test", "*", Fault.SERVFAIL)
    code, found = check()
    assert code == 1
    assert level(found, "list-domains") == "fail,not-checked"
    assert "3 recipients at 2 domains" in found["list-domains"][0]["evidence"]
    assert server.asked.count(("null.test", "MX")) == 1


def test_the_table_fits_80_columns_and_shows_the_remedy(
    folder: Path, server: DnsServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.fail("_dmarc.sender.test", "TXT", Fault.NXDOMAIN)
    assert main(["check", str(folder)]) == 1
    shown = capfd.readouterr().out
    assert max(columns(line) for line in shown.splitlines()) <= 80
    assert "FAIL  dmarc-record" in shown
    assert "→ TXT _dmarc.sender.test" in shown
    assert shown.startswith("spring: 2 messages, 1 fail, ")


def test_rules_are_printed_with_date_and_source(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--rules"]) == 0
    shown = capfd.readouterr().out
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert all(rule.id in shown for rule in RULES)
    assert main(["check", "--rules", "--json"]) == 0
    listed: list[dict[str, Any]] = json.loads(capfd.readouterr().out)
    assert all(rule["date"] and rule["source"] for rule in listed)
    assert len({rule["id"] for rule in listed}) == len(RULES)


def test_run_refuses_without_a_good_check_and_goes_with_one(
    folder: Path, server: DnsServer, relay: ScriptedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(folder), "--yes"]) == 78
    assert "this plan was never checked" in capfd.readouterr().err
    assert main(["resume", str(folder)]) == 78  # nobody was sent to yet: it would be a run
    assert "this plan was never checked" in capfd.readouterr().err
    assert main(["check", str(folder), "--offline"]) == 0
    assert main(["run", str(folder), "--yes"]) == 78
    assert "the last check was --offline" in capfd.readouterr().err
    server.fail("_dmarc.sender.test", "TXT", Fault.NXDOMAIN)
    assert main(["check", str(folder)]) == 1
    assert main(["run", str(folder), "--yes"]) == 78
    assert "the last check found 1 fail" in capfd.readouterr().err
    assert not relay.letters
    server.mend()
    assert main(["check", str(folder)]) == 0
    capfd.readouterr()
    assert main(["run", str(folder), "--yes"]) == 0
    assert re.search(r"Last check, \d+s ago: 0 fails, 0 warnings", capfd.readouterr().out)
    assert len(relay.accepted) == 2


def test_a_check_holds_a_day_and_for_its_plan_only(folder: Path) -> None:
    assert main(["plan", str(folder)]) == 0
    campaign = load(folder)
    summary = read_summary(campaign)
    url, clock = campaign.settings.journal.url, FakeClock()
    digest = plan_digest(summary.plan_id, summary.hashes)
    good = LastCheck(clock.now_s(), digest, False, {"ok": 1}, [])
    keep_check(url, campaign.folder, good, clock)
    assert last_check(url, campaign.folder) == good
    show_last_check(campaign, summary, as_json=True, clock=clock)
    clock.sleep(86401)
    with pytest.raises(ConfigError, match="old"):
        show_last_check(campaign, summary, as_json=True, clock=clock)
    other = good._replace(at_s=clock.now_s(), plan="other")
    keep_check(url, campaign.folder, other, clock)
    with pytest.raises(ConfigError, match="another plan"):
        show_last_check(campaign, summary, as_json=True, clock=clock)


def test_a_plan_made_anew_has_no_check(folder: Path) -> None:
    assert main(["check", str(folder)]) == 0
    campaign = load(folder)
    assert last_check(campaign.settings.journal.url, campaign.folder) is not None
    (folder / "body.txt").write_text("Dear {{ first_name }}, hello. Unsubscribe: answer this.\n")
    assert main(["plan", str(folder)]) == 0
    assert last_check(campaign.settings.journal.url, campaign.folder) is None


def counted(*addresses: str) -> ListCount:
    count = ListCount()
    for address in addresses:
        count.take(address)
    return count


def test_roles_typos_and_throw_away_addresses_are_told_and_relays_are_not() -> None:
    count = counted(
        "info@a.test", "no-reply+x@a.test", "ada@gmial.com", "x@0-mail.com", "y@duck.com"
    )
    found = {one.id: one for one in list_findings(count, 3)}
    assert found["list-roles"].evidence.startswith("2 of 5")
    assert "gmial.com (gmail.com?)" in found["list-typos"].evidence
    assert found["list-disposable"].evidence == "1 of 5: 0-mail.com 1"
    assert found["list-duplicates"].level == "info"


def test_real_providers_are_neither_typos_nor_throw_away() -> None:
    found = {one.id: one for one in list_findings(counted(*(f"a@{n}" for n in REAL)), 0)}
    assert found["list-disposable"].level == found["list-typos"].level == "ok", found


def test_five_thousand_to_one_provider_make_a_bulk_sender() -> None:
    count = counted("a@gmail.com", "b@corp.test", "c@qq.com", "d@163.com")
    assert volume_findings(count, {})[0].level == "ok"
    count.domains["corp.test"] = 4999
    found = volume_findings(count, {"corp.test": "google"})
    assert found[0].level == "warn"
    assert "Google 5,000" in found[0].evidence
    china = [one.evidence for one in found if one.id == "volume-china"]
    assert len(china) == 2
    assert all("no official page" in evidence for evidence in china)
