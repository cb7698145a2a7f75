"""Straight to the mail servers: DNS that fails, hosts that fail, domains that refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.certificates import Authority
from fakes.mail.dns_server import Fault, dns_server
from fakes.mail.internet import BAD, GOOD, PEOPLE, THEIRS, World, the_good_went_on
from fakes.mail.scripted_smtp import drop, on, say
from fakes.prepared.sending import Mailing, Skipping, direct


def test_every_domain_gets_its_letters_at_its_own_servers(world: World) -> None:
    """Fault 29: no fault: two domains, two mail servers.
    By: local DNS, scripted servers.
    Then: everybody is sent at the server of the own domain.
    """
    other = world.server(2)
    world.at(BAD, 2)
    ending = world.send()
    the_good_went_on(world, ending)
    assert ending.all_but() == {"sent"}
    assert sorted(letter.recipient for letter in other.accepted) == sorted(THEIRS)


@pytest.mark.parametrize("why", ["closed port", "554 greeting", "421 greeting", "lost at EHLO"])
def test_the_next_mx_takes_over(world: World, why: str) -> None:
    """Fault 9, 29: the first MX does not listen, refuses in its greeting, or hangs up.
    By: local DNS, scripted servers.
    Then: everybody is sent at the second MX; nobody is failed.
    """
    acts = {
        "554 greeting": on("CONNECT", drop("554 5.7.1 no")),
        "421 greeting": on("CONNECT", drop("421 4.3.2 too busy")),
        "lost at EHLO": on("EHLO", drop()),
    }
    if why in acts:
        world.server(2, acts[why])
    second = world.server(3)
    world.at(BAD, 2, 3)
    ending = world.send()
    the_good_went_on(world, ending)
    assert ending.all_but() == {"sent"}
    assert len(second.accepted) == 3


def test_all_mx_down_defers_that_domain_only(world: World) -> None:
    """Fault 29: no MX of a domain listens.
    By: local DNS, closed ports.
    Then: its recipients are deferred with a try used up; the others are sent.
    """
    world.at(BAD, 2, 3)
    ending = world.send()
    the_good_went_on(world, ending)
    assert {ending.states[a] for a in THEIRS} == {"deferred"}
    assert {ending.results[a].class_ for a in THEIRS} == {"connection"}
    assert ending.exit_code == 75


def test_a_dead_ipv6_address_costs_a_moment(world: World) -> None:
    """Fault 27: AAAA leads nowhere, A works.
    By: local DNS, ::1 where nobody listens.
    Then: everybody is sent over IPv4.
    """
    world.server(2)
    world.at(BAD, 2)
    world.dns.add(f"mx2.{BAD}", "AAAA", "::1")
    ending = world.send()
    the_good_went_on(world, ending)
    assert ending.all_but() == {"sent"}


@pytest.mark.parametrize(
    ("records", "enhanced"),
    [
        ({}, "5.1.2"),
        ({"TXT": ('"no mail here"',)}, "5.1.2"),
        ({"MX": ("0 .",)}, "5.1.10"),
    ],
    ids=["NXDOMAIN", "NODATA", "null MX"],
)
def test_a_domain_without_mail_fails_for_good(
    world: World, records: dict[str, tuple[str, ...]], enhanced: str
) -> None:
    """Fault 30: NXDOMAIN, neither MX nor address, null MX (RFC 7505).
    By: local DNS.
    Then: failed with 5.1.2 or 5.1.10; the others are sent; exit 1.
    """
    for kind, values in records.items():
        world.dns.add(BAD, kind, *values)
    ending = world.send()
    the_good_went_on(world, ending)
    assert {ending.states[a] for a in THEIRS} == {"failed"}
    assert {ending.results[a].enhanced for a in THEIRS} == {enhanced}
    assert ending.exit_code == 1


def test_nxdomain_of_one_nameserver_alone_is_not_believed(world: World) -> None:
    """Fault 30: one of two nameservers says NXDOMAIN, the other knows the domain.
    By: two local nameservers.
    Then: everybody is sent.
    """
    world.server(2)
    world.at(BAD, 2)
    other = world.stack.enter_context(dns_server())
    other.add(GOOD, "MX", f"10 mx1.{GOOD}.")
    other.add(f"mx1.{GOOD}", "A", "127.0.0.1")
    way = direct(world.good.port, f'{other.address}", "{world.dns.address}')
    ending = Mailing(world.folder, way, people=PEOPLE, retry=("1h",)).send(no_wait=True)
    the_good_went_on(world, ending)
    assert ending.all_but() == {"sent"}


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.SILENCE, Fault.GARBAGE])
def test_dns_that_fails_for_a_domain_is_never_permanent(world: World, fault: Fault) -> None:
    """Fault 31: SERVFAIL, REFUSED, silence or garbage in place of the MX.
    By: local DNS.
    Then: that domain is deferred, never failed; the others are sent.
    """
    world.server(2)
    world.at(BAD, 2)
    world.dns.fail(BAD, "MX", fault)
    ending = world.send()
    the_good_went_on(world, ending)
    assert {ending.states[a] for a in THEIRS} == {"deferred"}
    assert ending.exit_code == 75


@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.LATE])
def test_dns_that_is_truncated_or_slow_is_asked_on(world: World, fault: Fault) -> None:
    """Fault 31: a truncated answer over UDP, an answer after a quarter of a second.
    By: local DNS.
    Then: asked again over TCP, waited for; everybody is sent.
    """
    world.server(2)
    world.at(BAD, 2)
    world.dns.fail(BAD, "MX", fault)
    ending = world.send(more="connections = 2", dns_timeout="5s")
    the_good_went_on(world, ending)
    assert ending.all_but() == {"sent"}


def test_a_resolver_that_is_down_pauses_the_campaign(world: World) -> None:
    """Fault 31: the nameserver answers nobody.
    By: local DNS.
    Then: everybody stays planned, nobody is failed; a sentence says so.
    """
    world.dns.fail("*", "*", Fault.SILENCE)
    ending = world.send()
    assert ending.all_but() == {"planned"}
    assert not any(ending.steps.values())
    assert any("DNS does not answer" in line for line in ending.heard.lines)


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "192.168.1.1"])
def test_a_domain_at_private_addresses_is_refused(
    world: World, tmp_path: Path, address: str
) -> None:
    """Fault 32: the MX of a domain lies at a private address or at this machine.
    By: local DNS; allow_private is false.
    Then: failed with 5.4.4, nobody is connected to.
    """
    world.dns.add(BAD, "MX", f"10 mx.{BAD}.")
    world.dns.add(f"mx.{BAD}", "A", address)
    way = direct(world.good.port, world.dns.address).replace("allow_private = true", "")
    ending = Mailing(tmp_path, way, people=THEIRS).send(no_wait=True)
    assert ending.all_but() == {"failed"}
    assert {result.enhanced for result in ending.results.values()} == {"5.4.4"}
    assert not world.good.sessions


def test_an_mx_that_is_a_cname_is_followed(world: World) -> None:
    """Fault 32: the MX is an alias.
    By: local DNS.
    Then: followed; everybody is sent.
    """
    world.server(2)
    world.dns.add(BAD, "MX", f"10 alias.{BAD}.")
    world.dns.add(f"alias.{BAD}", "CNAME", f"real.{BAD}.")
    world.dns.add(f"real.{BAD}", "A", "127.0.0.2")
    ending = world.send()
    the_good_went_on(world, ending)
    assert ending.all_but() == {"sent"}


def test_two_hundred_mx_are_tried_with_measure(world: World) -> None:
    """Fault 33: two hundred MX, none of which listens, TTL 0.
    By: local DNS.
    Then: that domain is deferred; no more than a few questions and connections.
    """
    hosts = [f"mx{n}.{BAD}" for n in range(200)]
    world.dns.add(BAD, "MX", *(f"{n} {host}." for n, host in enumerate(hosts)), ttl=0)
    for host in hosts:
        world.dns.add(host, "A", "127.0.0.9", ttl=0)
    ending = world.send()
    the_good_went_on(world, ending)
    assert {ending.states[a] for a in THEIRS} == {"deferred"}
    assert len({name for name, kind in world.dns.asked if kind == "A"}) <= 25


def test_a_domain_that_moves_is_followed(world: World) -> None:
    """Fault 33: the MX of a domain changes while its letters are going, with a TTL of a minute.
    By: local DNS, scripted servers; time skips ahead.
    Then: once the TTL is over no connection to the old server is opened; everybody is sent.
    """
    skipping = Skipping(7.5)

    def move(_command: str) -> bool:
        world.dns.add(BAD, "MX", f"10 mx3.{BAD}.", ttl=60)
        return skipping.begins()

    old = world.server(2, on("MAIL", say("250 ok"), test=move, times=1), max_letters=2)
    new = world.server(3)
    world.dns.add(BAD, "MX", f"10 mx2.{BAD}.", ttl=60)
    for number in (2, 3):
        world.dns.add(f"mx{number}.{BAD}", "A", f"127.0.0.{number}")
    people = [f"r{n}@{BAD}" for n in range(16)] + [f"r@{GOOD}"]
    limit = f'[limits."{BAD}"]\nrates = ["4/min"]\nconnections = 1'
    ending = world.send(people, wait=True, **skipping.fields, more=limit)
    assert ending.all_but() == {"sent"}
    assert len(old.accepted) < 10
    assert len(old.accepted) + len(new.accepted) == 16


def test_a_failed_handshake_is_followed_by_clear_text(world: World, authority: Authority) -> None:
    """Fault 23: STARTTLS is offered, the handshake fails, nobody demands TLS.
    By: scripted server that hangs up after `220 go ahead`; with transcripts.
    Then: sent in clear text over a second connection (RFC 7435).
    """
    act = on("STARTTLS", drop("220 go ahead"))
    server = world.server(2, act, certificate=authority.issue("mx2.bad.example"))
    world.at(BAD, 2)
    ending = world.mailing().send(transcript=world.folder / "seen")
    the_good_went_on(world, ending)
    assert ending.all_but() == {"sent"}
    assert len(server.accepted) == 3


def test_starttls_with_anybodys_certificate_is_better_than_none(
    world: World, authority: Authority
) -> None:
    """Fault 23: STARTTLS with an expired certificate for another host, nobody demands TLS.
    By: scripted server.
    Then: sent over TLS all the same.
    """
    server = world.server(2, certificate=authority.issue("other.test", days=-1))
    world.at(BAD, 2)
    ending = world.send()
    the_good_went_on(world, ending)
    assert ending.all_but() == {"sent"}
    used = [session for session in server.sessions if session.letters]
    assert used
    assert all(session.tls_version for session in used)


def test_a_domain_that_refuses_the_sender_stops_that_domain_only(world: World) -> None:
    """Fault 62: one domain answers 5.7.1 to everything.
    By: scripted server.
    Then: nobody is failed; after three it is left alone, whoever was not tried stays planned; the
    others are sent; one sentence says so.
    """
    server = world.server(2, on("MAIL", say("550 5.7.1 listed by blocklist.example")))
    world.at(BAD, 2)
    people = [f"r{n}@{d}" for n in range(12) for d in (GOOD, BAD)]
    ending = world.send(people)
    theirs = [a for a in people if BAD in a]
    assert ending.all_but(*theirs) == {"sent"}
    assert {ending.states[a] for a in theirs} == {"deferred", "planned"}
    assert len([c for c in server.commands if c.startswith("MAIL")]) <= 12
    assert any("refuses this sender" in line for line in ending.heard.lines)
    assert ending.exit_code == 75


def test_three_destinations_that_refuse_the_sender_stop_the_campaign(world: World) -> None:
    """Fault 62: three domains answer 5.7.1 to everything.
    By: scripted servers.
    Then: exit 75 with one sentence; nobody is failed.
    """
    for number in (2, 3, 4):
        world.server(number, on("MAIL", say("550 5.7.1 listed by blocklist.example")))
        world.at(f"d{number}.example", number)
    people = [f"r{n}@d{number}.example" for n in range(5) for number in (2, 3, 4)]
    ending = world.send(people)
    assert ending.exit_code == 75
    assert "refuses this sender" in ending.sentence
    assert ending.all_but() <= {"deferred", "planned"}


def test_a_throttled_domain_leaves_the_other_destinations_alone(world: World) -> None:
    """Fault 61: one domain answers 421 to everything.
    By: scripted server; time skips ahead, expiry after a minute.
    Then: ever more rarely tried, then expired; the others are sent.
    """
    skipping = Skipping(2.0)
    throttle = drop("421 4.7.0 slow down, too many messages")
    server = world.server(2, on("RCPT", throttle, test=skipping.begins))
    world.at(BAD, 2)
    people = [f"r{n}@{d}" for n in range(8) for d in (GOOD, BAD)]
    how = {"retry": ("50ms",), "expire_after": "1m", **skipping.fields}
    ending = world.send(people, wait=True, **how)
    theirs = [a for a in people if BAD in a]
    assert ending.all_but(*theirs) == {"sent"}
    assert {ending.states[a] for a in theirs} == {"expired"}
    assert len(server.sessions) <= 20


@pytest.mark.parametrize(
    ("rates", "more"),
    [
        ('rates = ["100/s", "4/day"]', ""),
        ("", f'[limits."{GOOD}"]\nrates = ["100/s", "4/day"]'),
    ],
    ids=["of all", "of one domain"],
)
def test_a_day_quota_of_direct_delivery_is_kept_over_restarts(
    world: World, rates: str, more: str
) -> None:
    """Fault 61: 100/s and 4 a day, of [direct] or of one domain; `--limit 4`, then a second run.
    By: a server that takes everything.
    Then: four that day, not eight; the rest stays planned.
    """
    people = [f"r{n}@{GOOD}" for n in range(10)]
    mailing = Mailing(
        world.folder, direct(world.good.port, world.dns.address, rates), people=people, more=more
    )
    for options in ({"limit": 4}, {"no_wait": True}):
        ending = mailing.send(**options)
        assert list(ending.states.values()).count("sent") == 4
        assert ending.all_but() == {"sent", "planned"}
    assert len(world.good.accepted) == 4
