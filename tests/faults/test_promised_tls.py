"""Domains that promise a good TLS: nothing goes where the promise is broken (MTA-STS, DANE)."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from campaign.pool.direct.dialer import Dialer
from campaign.routing.tls.certificates import public_key
from campaign.routing.tls.https import HttpsFetcher
from fakes.certificates import Authority, Pair
from fakes.mail.dns_server import Fault
from fakes.mail.internet import BAD, THEIRS, World, the_good_went_on
from fakes.mail.scripted_smtp import ScriptedServer, on, say
from fakes.prepared.sending import Ending, Skipping
from fakes.web.web_server import WebServer, web_server

MX2, MX3 = f"mx2.{BAD}", f"mx3.{BAD}"
WEEK_S = 604_800
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\n\r\n"


@pytest.fixture
def policy_host(
    world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WebServer]:
    """The web server of bad.example's policy; what is sent here trusts the tests' authority, and
    finds web servers at its port instead of 443."""
    host = f"mta-sts.{BAD}"
    with web_server(authority.issue(host), NOT_FOUND) as web:
        context = ssl.create_default_context(cafile=authority.ca_file)
        fetcher = partial(HttpsFetcher, context=context, port=web.port)
        monkeypatch.setattr("campaign.pool.direct.dialer.HttpsFetcher", fetcher)
        dialer = partial(Dialer, ca_file=authority.ca_file)
        monkeypatch.setattr("campaign.pool.direct.routes.Dialer", dialer)
        world.dns.add(host, "A", "127.0.0.1")
        yield web


def announce(world: World, identity: int = 1) -> None:
    world.dns.add(f"_mta-sts.{BAD}", "TXT", f'"v=STSv1; id={identity}"')


def publish(
    world: World, web: WebServer, *mx: str, mode: str = "enforce", max_age: int = WEEK_S
) -> None:
    """A policy that names these mail servers."""
    named = "".join(f"mx: {name}\r\n" for name in mx)
    web.response = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
        f"version: STSv1\r\nmode: {mode}\r\n{named}max_age: {max_age}\r\n"
    ).encode()
    announce(world)


def vouch(world: World, host: str, pair: Pair, *, secure: bool = True, digest: bytes = b"") -> None:
    """A TLSA record "3 1 1" for a host."""
    der = ssl.PEM_cert_to_DER_cert(Path(pair.cert).read_text())
    data = digest or hashlib.sha256(public_key(der)).digest()
    name = f"_{world.good.port}._tcp.{host}"
    world.dns.add(name, "TLSA", f"3 1 1 {data.hex()}", secure=secure)


def they_wait(world: World, ending: Ending, *theirs: ScriptedServer) -> None:
    """Deferred with a try used up; their servers heard of nobody; the others are sent."""
    the_good_went_on(world, ending)
    assert {ending.states[address] for address in THEIRS} == {"deferred"}
    assert {ending.results[address].attempts for address in THEIRS} == {1}
    assert [c for server in theirs for c in server.commands if c.startswith("MAIL")] == []
    assert ending.exit_code == 75


def they_are_sent(world: World, ending: Ending, server: ScriptedServer, *, tls: bool) -> None:
    the_good_went_on(world, ending)
    assert ending.all_but() == {"sent"}
    assert sorted(letter.recipient for letter in server.accepted) == sorted(THEIRS)
    assert {bool(each.tls_version) for each in server.sessions if each.letters} == {tls}


# -- MTA-STS ---------------------------------------------------------------------------------------


def test_an_enforced_policy_that_is_kept_is_sent_by(
    world: World, policy_host: WebServer, authority: Authority
) -> None:
    """Fault 34: no fault: MTA-STS enforce, the MX is named and its certificate is good.
    By: local DNS, local HTTPS, scripted server.
    Then: everybody is sent over verified TLS.
    """
    server = world.server(2, certificate=authority.issue(MX2))
    world.at(BAD, 2)
    publish(world, policy_host, f"*.{BAD}")
    they_are_sent(world, world.send(), server, tls=True)
    assert len(policy_host.requests) == 1


@pytest.mark.parametrize("broken", ["not named", "other name", "expired", "stranger", "no TLS"])
def test_an_enforced_policy_that_is_broken_lets_mail_wait(
    world: World,
    policy_host: WebServer,
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
    broken: str,
) -> None:
    """Fault 34: MTA-STS enforce; the MX is not in the policy, its certificate is for another
    host, expired or of an unknown issuer, or it offers no STARTTLS.
    By: local DNS, local HTTPS, scripted server.
    Then: that domain is deferred, no MAIL is ever said to that host; the others are sent.
    """
    certificates = {
        "not named": lambda: authority.issue(MX2),
        "other name": lambda: authority.issue(f"other.{BAD}"),
        "expired": lambda: authority.issue(MX2, days=-1),
        "stranger": lambda: Authority(tmp_path_factory.mktemp("stranger")).issue(MX2),
        "no TLS": lambda: None,
    }
    server = world.server(2, certificate=certificates[broken]())
    world.at(BAD, 2)
    publish(world, policy_host, MX3 if broken == "not named" else MX2)
    ending = world.send()
    they_wait(world, ending, server)
    said = {ending.results[address].reason for address in THEIRS}
    words = {"not named": "MTA-STS policy names", "no TLS": "STARTTLS"}.get(broken, "certificate")
    assert all(words in reason for reason in said), said


@pytest.mark.parametrize("first", ["not named", "other name", "no TLS"])
def test_under_an_enforced_policy_the_next_good_host_takes_over(
    world: World, policy_host: WebServer, authority: Authority, first: str
) -> None:
    """Fault 34: MTA-STS enforce; the first MX breaks the policy, the second keeps it.
    By: local DNS, local HTTPS, scripted servers.
    Then: everybody is sent at the second, nothing is said to the first.
    """
    wrong = authority.issue(f"other.{BAD}") if first == "other name" else None
    passed_over = world.server(2, certificate=wrong)
    second = world.server(3, certificate=authority.issue(MX3))
    world.at(BAD, 2, 3)
    publish(world, policy_host, *((MX3,) if first == "not named" else (MX2, MX3)))
    they_are_sent(world, world.send(), second, tls=True)
    assert not [c for c in passed_over.commands if c.startswith("MAIL")]


@pytest.mark.parametrize("broken", ["not named", "other name", "no TLS"])
def test_a_policy_in_testing_mode_holds_nothing_up(
    world: World, policy_host: WebServer, authority: Authority, broken: str
) -> None:
    """Fault 34: MTA-STS testing; the MX is not in the policy, its certificate is for another
    host, or it offers no STARTTLS.
    By: local DNS, local HTTPS, scripted server.
    Then: everybody is sent all the same, in clear text where there is no TLS.
    """
    pair = None if broken == "no TLS" else authority.issue(f"other.{BAD}")
    server = world.server(2, certificate=pair)
    world.at(BAD, 2)
    publish(world, policy_host, MX3 if broken == "not named" else MX2, mode="testing")
    they_are_sent(world, world.send(), server, tls=pair is not None)
    assert len(policy_host.requests) == 1


@pytest.mark.parametrize(
    "response",
    [
        NOT_FOUND,
        b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nversion: STSv2\r\n",
    ],
    ids=["404", "302", "no policy"],
)
def test_a_first_policy_that_cannot_be_had_is_none(
    world: World, policy_host: WebServer, authority: Authority, response: bytes
) -> None:
    """Fault 34: a policy is announced; its web server says 404, 302 or something else.
    By: local DNS, local HTTPS, scripted server.
    Then: nothing is known to enforce: everybody is sent over whatever TLS there is (RFC 8461, 5).
    """
    server = world.server(2, certificate=authority.issue(f"other.{BAD}"))
    world.at(BAD, 2)
    announce(world)
    policy_host.response = response
    they_are_sent(world, world.send(), server, tls=True)
    assert len(policy_host.requests) == 1


@pytest.mark.parametrize(("max_age", "state"), [(WEEK_S, "expired"), (301, "sent")])
def test_a_policy_that_can_no_longer_be_had_holds_until_its_max_age(
    world: World, policy_host: WebServer, authority: Authority, max_age: int, state: str
) -> None:
    """Fault 34: MTA-STS enforce; after the first try the web server says 404 to a newer policy
    and the certificate is for another host.
    By: local DNS, local HTTPS, scripted server that greylists once; time skips ahead.
    Then: never sent while the policy's max_age lasts, sent without it after; the others are sent.
    """
    good, other = authority.issue(MX2), authority.issue(f"other.{BAD}")
    skipping = Skipping(20.0)

    def attack(_command: str) -> bool:
        announce(world, identity=2)
        policy_host.response = NOT_FOUND
        server.script.certificate = other
        return skipping.begins()

    greylists = on("RCPT", say("450 4.7.1 come again"), session=0, test=attack)
    server = world.server(2, greylists, certificate=good)
    world.at(BAD, 2)
    publish(world, policy_host, MX2, max_age=max_age)
    how = skipping.fields | {"retry": ("6m",), "expire_after": "12m", "patience": None}
    ending = world.send(wait=True, **how)
    the_good_went_on(world, ending)
    assert {ending.states[address] for address in THEIRS} == {state}
    assert len(server.accepted) == (3 if state == "sent" else 0)
    assert len(policy_host.requests) >= 2  # it was asked for anew


# -- DANE ------------------------------------------------------------------------------------------


def test_a_certificate_that_dns_vouches_for_is_sent_to(world: World, authority: Authority) -> None:
    """Fault 23: no fault: a validated TLSA record 3 1 1 matches a certificate that has expired and
    is for another host (RFC 7672, 3.1.1).
    By: local DNS that sets AD, scripted server.
    Then: everybody is sent over TLS.
    """
    pair = authority.issue(f"other.{BAD}", days=-1)
    server = world.server(2, certificate=pair)
    world.at(BAD, 2, secure=True)
    vouch(world, MX2, pair)
    they_are_sent(world, world.send(), server, tls=True)


@pytest.mark.parametrize("broken", ["other certificate", "no TLS", "STARTTLS refused"])
def test_a_broken_promise_of_dane_lets_mail_wait(
    world: World, authority: Authority, broken: str
) -> None:
    """Fault 23: a validated TLSA record; the certificate is another one, STARTTLS is not offered
    or refused.
    By: local DNS that sets AD, scripted server.
    Then: that domain is deferred, no MAIL is ever said to that host; the others are sent.
    """
    promised = authority.issue(MX2)
    shown = authority.issue(MX2, file="another") if broken == "other certificate" else promised
    rules = [on("STARTTLS", say("454 4.7.0 not now"))] if broken == "STARTTLS refused" else []
    server = world.server(2, *rules, certificate=None if broken == "no TLS" else shown)
    world.at(BAD, 2, secure=True)
    vouch(world, MX2, promised)
    they_wait(world, world.send(), server)


def test_under_dane_the_next_good_host_takes_over(world: World, authority: Authority) -> None:
    """Fault 23: two MX with validated TLSA records; only the second shows the right certificate.
    By: local DNS that sets AD, scripted servers.
    Then: everybody is sent at the second, nothing is said to the first.
    """
    promised = [authority.issue(host) for host in (MX2, MX3)]
    first = world.server(2, certificate=authority.issue(MX2, file="another"))
    second = world.server(3, certificate=promised[1])
    world.at(BAD, 2, 3, secure=True)
    for host, pair in zip((MX2, MX3), promised, strict=True):
        vouch(world, host, pair)
    they_are_sent(world, world.send(), second, tls=True)
    assert not [c for c in first.commands if c.startswith("MAIL")]


@pytest.mark.parametrize("unvalidated", ["host", "TLSA"])
@pytest.mark.parametrize("tls", [True, False])
def test_what_dns_did_not_validate_promises_nothing(
    world: World, authority: Authority, unvalidated: str, tls: bool
) -> None:
    """Fault 23: a TLSA record that fits nothing, but it or the host's address is not validated.
    By: local DNS that does not set AD, scripted server.
    Then: everybody is sent, over TLS where it is offered.
    """
    pair = authority.issue(MX2)
    server = world.server(2, certificate=pair if tls else None)
    world.at(BAD, 2, secure=unvalidated == "TLSA")
    vouch(world, MX2, pair, secure=unvalidated == "host", digest=bytes(32))
    they_are_sent(world, world.send(), server, tls=tls)


def test_tlsa_records_that_cannot_be_had_let_mail_wait(world: World, authority: Authority) -> None:
    """Fault 23, 31: the host is validated, the question for its TLSA records ends in SERVFAIL.
    By: local DNS that sets AD, scripted server.
    Then: that domain is deferred: somebody may be hiding the records; the others are sent.
    """
    server = world.server(2, certificate=authority.issue(MX2))
    world.at(BAD, 2, secure=True)
    world.dns.fail(f"_{world.good.port}._tcp.{MX2}", "TLSA", Fault.SERVFAIL)
    they_wait(world, world.send(), server)
