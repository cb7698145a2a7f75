"""Letters leave from the addresses of this host that the config names, each with its own pace."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.config.loader import load
from campaign.errors import ConfigErrors, RelayError
from campaign.planning.summary import forecast_s
from campaign.smtp.endpoint import ConnectRefused, Endpoint
from campaign.smtp.opening.dial import dial
from fakes.mail.dns_server import dns_server
from fakes.mail.internet import GOOD, ServerAt, World
from fakes.mail.scripted_smtp import Rule, Script, ScriptedServer, drop, on, say
from fakes.prepared.sending import Ending, Mailing, relay

FIRST, SECOND = "127.0.0.12", "127.0.0.13"
BOTH = f'addresses = ["{FIRST}", "{SECOND}"]'
NOT_OURS = "192.0.2.10"  # TEST-NET-1
PEOPLE = [f"r{n}@{GOOD}" for n in range(10)]


def world_of(folder: Path, stack: ExitStack, *rules: Rule) -> World:
    """good.example at 127.0.0.1, with these rules."""
    good = stack.enter_context(ServerAt(Script(*rules), "127.0.0.1", 0))
    made = World(stack.enter_context(dns_server()), folder, stack, good)
    made.at(GOOD, 1)
    return made


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def server(stack: ExitStack) -> ScriptedServer:
    return stack.enter_context(ScriptedServer())


def peers(server: ScriptedServer) -> Counter[str]:
    """How many letters were accepted from each address."""
    return Counter(s.peer for s in server.sessions for each in s.letters if each.is_accepted)


def hellos(server: ScriptedServer) -> set[tuple[str, str]]:
    return {(each.peer, each.commands[0]) for each in server.sessions if each.commands}


def ways(ending: Ending) -> set[str]:
    return {result.relay.rpartition(" from ")[2] for result in ending.results.values()}


def test_every_address_takes_its_share_of_a_domain(tmp_path: Path, stack: ExitStack) -> None:
    world = world_of(tmp_path, stack)
    ending = world.send(PEOPLE, more=f'{BOTH}\nrates = ["100/s", "5/day"]')
    assert ending.all_but() == {"sent"}
    assert peers(world.good) == {FIRST: 5, SECOND: 5}
    assert ways(ending) == {FIRST, SECOND}


def test_domains_with_one_letter_are_spread_and_get_one_connection(
    tmp_path: Path, stack: ExitStack
) -> None:
    world = world_of(tmp_path, stack)
    domains = [f"d{n}.example" for n in range(2, 10)]
    servers = [world.server(n) for n in range(2, 10)]
    for number, domain in enumerate(domains, 2):
        world.at(domain, number)
    ending = world.send([f"ada@{domain}" for domain in domains], more=BOTH)
    assert ending.all_but() == {"sent"}
    assert [len(each.sessions) for each in servers] == [1] * 8
    assert sum((peers(each) for each in servers), Counter()) == {FIRST: 4, SECOND: 4}


def test_each_address_has_its_name_in_ehlo(tmp_path: Path, stack: ExitStack) -> None:
    world = world_of(tmp_path, stack)
    named = f'{{ address = "{FIRST}", hello = "mx1.example.com" }}'
    ending = world.send(PEOPLE, more=f'addresses = [{named}, "{SECOND}"]')
    assert ending.all_but() == {"sent"}
    assert hellos(world.good) == {
        (FIRST, "EHLO mx1.example.com"),
        (SECOND, "EHLO client.example"),
    }


def test_an_address_reaches_servers_of_its_own_family(tmp_path: Path, stack: ExitStack) -> None:
    world = world_of(tmp_path, stack)
    newer = stack.enter_context(ServerAt(Script(), "::1", world.good.port))
    world.dns.add("six.example", "MX", "10 mx.six.example.")
    world.dns.add("mx.six.example", "AAAA", "::1")
    people = [*PEOPLE[:3], *(f"r{n}@six.example" for n in range(3))]
    ending = world.send(people, more=f'addresses = ["{FIRST}", "::1"]')
    assert ending.all_but() == {"sent"}
    assert (peers(world.good), peers(newer)) == ({FIRST: 3}, {"::1": 3})


def test_servers_that_no_address_reaches_put_their_letters_off(
    tmp_path: Path, stack: ExitStack
) -> None:
    world = world_of(tmp_path, stack)
    ending = world.send(PEOPLE[:2], more='addresses = ["::1"]')
    assert ending.all_but() == {"deferred"}
    told = {steps[-1].reason for steps in ending.steps.values()}
    assert all("has no IPv6 address, and ::1 reaches no other" in reason for reason in told)
    assert not world.good.sessions


@pytest.mark.parametrize("is_limit", [False, True], ids=["of all", "of one domain"])
def test_a_day_quota_holds_for_each_address_over_restarts(
    tmp_path: Path, stack: ExitStack, is_limit: bool
) -> None:
    """Two a day from each of two: three in the first run, one in the second."""
    world = world_of(tmp_path, stack)
    rates = 'rates = ["100/s", "2/day"]'
    more = f'[limits."{GOOD}"]\n{rates}' if is_limit else ""
    mailing = world.mailing(PEOPLE, more=BOTH if is_limit else f"{BOTH}\n{rates}")
    mailing.more = more
    for sent, options in ((3, {"limit": 3}), (4, {"no_wait": True})):
        ending = mailing.send(**options)
        assert list(ending.states.values()).count("sent") == sent
    assert ending.all_but() == {"sent", "planned"}
    assert peers(world.good) == {FIRST: 2, SECOND: 2}


@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
def test_an_address_that_is_throttled_rests_while_the_other_goes_on(
    tmp_path: Path, stack: ExitStack, stage: str
) -> None:
    """4.7.28 asks for a pause of minutes; nobody waits for it."""
    throttle = say("421 4.7.28 unusual rate of mail from your address")
    world = world_of(tmp_path, stack, on(stage, throttle, peer=FIRST))
    ending = world.send(PEOPLE, more=BOTH)
    asked = [each for each in world.good.sessions if each.peer == FIRST]
    met = sum(command.startswith(stage) for each in asked for command in each.commands)
    assert ending.all_but() == {"sent"}
    assert met <= 2  # what was under way when it was throttled
    assert peers(world.good) == {SECOND: len(PEOPLE)}


def test_addresses_that_are_all_throttled_put_their_letters_off(
    tmp_path: Path, stack: ExitStack
) -> None:
    throttle = say("421 4.7.28 unusual rate of mail from your address")
    world = world_of(tmp_path, stack, on("RCPT", throttle))
    ending = world.send(PEOPLE, more=BOTH)
    met = sum(command.startswith("RCPT") for command in world.good.commands)
    assert ending.all_but() <= {"deferred", "planned"}
    assert met <= 4


def test_servers_that_one_address_cannot_reach_get_their_mail_from_the_other(
    tmp_path: Path, stack: ExitStack
) -> None:
    """They hang up on whoever comes from there."""
    world = world_of(tmp_path, stack, on("CONNECT", drop("421 4.3.2 not you"), peer=FIRST))
    ending = world.send(PEOPLE, more=BOTH)
    assert ending.all_but() == {"sent"}
    assert peers(world.good) == {SECOND: len(PEOPLE)}


def test_an_address_that_is_refused_is_out_and_the_other_takes_over(
    tmp_path: Path, stack: ExitStack
) -> None:
    blocked = say("554 5.7.1 Service unavailable; client host blocked using zen.spamhaus.org")
    world = world_of(tmp_path, stack, on("MAIL", blocked, peer=FIRST))
    ending = world.send(PEOPLE, more=BOTH, wait=True, retry=("50ms",))
    assert ending.all_but() == {"sent"}
    assert peers(world.good)[SECOND] == len(PEOPLE)


def test_servers_that_only_an_address_reaches_that_is_out_put_their_letters_off(
    tmp_path: Path, stack: ExitStack
) -> None:
    """Three providers refuse ::1, so it is out; what only it could take anywhere waits."""
    world = world_of(tmp_path, stack)
    blocked = say("554 5.7.1 Service unavailable; client host blocked using zen.spamhaus.org")
    domains = [f"six{n}.example" for n in range(3)]
    stack.enter_context(ServerAt(Script(on("MAIL", blocked)), "::1", world.good.port))
    for domain in domains:
        world.dns.add(domain, "MX", f"10 mx.{domain}.")
        world.dns.add(f"mx.{domain}", "AAAA", "::1")
    theirs = [f"r{n}@{domain}" for n in range(4) for domain in domains]
    ending = world.send([*PEOPLE, *theirs], more=f'addresses = ["::1", "{FIRST}"]')
    assert ending.all_but(*theirs) == {"sent"}
    assert ending.all_but(*PEOPLE) <= {"deferred", "planned"}
    assert peers(world.good) == {FIRST: len(PEOPLE)}
    assert any(f"::1 is out, {FIRST} goes on" in line for line in ending.heard.lines)


def test_a_relay_that_throttles_one_source_takes_everybody_from_the_other(
    tmp_path: Path, server: ScriptedServer
) -> None:
    throttle = say("421 4.7.28 unusual rate of mail from your address")
    server.script = Script(on("RCPT", throttle, peer=FIRST))
    two = relay(server, more=f'source = "{FIRST}"') + relay(server, more=f'source = "{SECOND}"')
    ending = Mailing(tmp_path, two, people=20).send(no_wait=True)
    assert ending.all_but() == {"sent"}
    assert peers(server) == {SECOND: 20}


def test_status_and_explain_name_the_address_that_is_free_first(
    tmp_path: Path, stack: ExitStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each address used up its two; the first of them may go on before the other."""
    world = world_of(tmp_path, stack)
    mailing = world.mailing(PEOPLE, more=BOTH)
    mailing.more = f'[limits."{GOOD}"]\nrates = ["100/s", "2/day"]'
    ending = mailing.send(no_wait=True)
    assert Counter(ending.states.values()) == {"sent": 4, "planned": 6}
    capsys.readouterr()
    assert main(["status", "--json", str(tmp_path)]) == 0
    waiting = json.loads(capsys.readouterr().out)["waiting_for"]
    assert main(["explain", "--json", str(tmp_path), GOOD]) == 0
    held = json.loads(capsys.readouterr().out)["hindrances"][-1]
    assert waiting == held["what"]
    used_up = [f"limits {GOOD} from {each} 2/day is used up" for each in (FIRST, SECOND)]
    assert any(each in waiting for each in used_up)
    assert held["change"] == f'rates in [limits."{GOOD}"]'


def test_a_limit_that_one_address_has_left_holds_nobody_up(
    tmp_path: Path, stack: ExitStack, capsys: pytest.CaptureFixture[str]
) -> None:
    world = world_of(tmp_path, stack)
    mailing = world.mailing(PEOPLE, more=f'{BOTH}\nrates = ["100/s", "2/day"]')
    mailing.send(limit=3)
    capsys.readouterr()
    assert main(["explain", "--json", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)["hindrances"]
    assert not [each for each in told if "used up" in each["what"]]


@pytest.mark.parametrize(
    ("addresses", "told"),
    [
        ('"::1"', "addresses in [direct] are all IPv6: servers without an IPv6 address are not"),
        (f'"::1", "{FIRST}"', ""),
    ],
)
def test_a_run_says_which_servers_its_addresses_do_not_reach(
    tmp_path: Path, stack: ExitStack, addresses: str, told: str
) -> None:
    ending = world_of(tmp_path, stack).send(PEOPLE[:1], more=f"addresses = [{addresses}]")
    assert [line[: len(told)] for line in ending.heard.lines if "are all" in line] == (
        [told] if told else []
    )


def test_a_relay_is_dialled_from_its_source(tmp_path: Path, server: ScriptedServer) -> None:
    two = relay(server, more=f'source = "{FIRST}"') + relay(server, more=f'source = "{SECOND}"')
    ending = Mailing(tmp_path, two, people=20).send()
    assert ending.all_but() == {"sent"}
    assert set(peers(server)) == {FIRST, SECOND}
    assert {result.relay for result in ending.results.values()} == {
        f"127.0.0.1:{server.port} from {FIRST}",
        f"127.0.0.1:{server.port} from {SECOND}",
    }


def test_a_relay_at_an_ipv6_address_is_dialled_from_one(tmp_path: Path, stack: ExitStack) -> None:
    newer = stack.enter_context(ServerAt(Script(), "::1", 0))
    way = relay(newer, more='source = "::1"').replace('"127.0.0.1"', '"::1"')
    ending = Mailing(tmp_path, way, people=2).send()
    assert ending.all_but() == {"sent"}
    assert peers(newer) == {"::1": 2}
    assert {each.relay for each in ending.results.values()} == {f"[::1]:{newer.port} from ::1"}


def test_a_name_without_an_address_of_the_family_of_its_source_is_not_reached() -> None:
    endpoint = Endpoint("relay", "127.0.0.1", 25, "none", source="::1")
    with pytest.raises(ConnectRefused, match="has no IPv6 address, and ::1 reaches no"):
        asyncio.run(dial(endpoint, 5.0))


def test_a_source_that_the_host_has_lost_is_told_when_it_is_dialled() -> None:
    endpoint = Endpoint("relay", "127.0.0.1", 25, "none", source=NOT_OURS)
    with pytest.raises(RelayError, match=f"this host cannot send from {NOT_OURS}: Cannot assign"):
        asyncio.run(dial(endpoint, 5.0))


def test_a_day_quota_of_a_relay_holds_for_each_source(
    tmp_path: Path, server: ScriptedServer
) -> None:
    rates = 'rates = ["100/s", "2/day"]'
    way = "".join(relay(server, more=f'source = "{each}"\n{rates}') for each in (FIRST, SECOND))
    mailing = Mailing(tmp_path, way, people=10)
    for sent, options in ((3, {"limit": 3}), (4, {"no_wait": True})):
        ending = mailing.send(**options)
        assert list(ending.states.values()).count("sent") == sent
    assert peers(server) == {FIRST: 2, SECOND: 2}


def test_what_went_before_the_source_was_named_counts_for_it(
    tmp_path: Path, server: ScriptedServer
) -> None:
    rates = 'rates = ["100/s", "2/day"]'
    mailing = Mailing(tmp_path, relay(server, more=rates), people=10)
    assert list(mailing.send(no_wait=True).states.values()).count("sent") == 2
    mailing.way = relay(server, more=f'source = "{FIRST}"\n{rates}')
    mailing.write()
    assert list(mailing.send(no_wait=True).states.values()).count("sent") == 2


@pytest.mark.parametrize("kind", ["relay", "direct"])
def test_an_address_that_this_host_does_not_have_is_told_with_its_key_before_anything_is_sent(
    tmp_path: Path, stack: ExitStack, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world = world_of(tmp_path, stack)
    mailing = world.mailing(PEOPLE, more=f'addresses = [\n"{FIRST}",\n"{NOT_OURS}",\n]')
    if kind == "relay":
        mailing.way = relay(world.good, more=f'source = "{NOT_OURS}"')
    mailing.write()
    lines = (tmp_path / "campaign.toml").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if NOT_OURS in text)
    key = "source" if kind == "relay" else "addresses"
    told = f"campaign.toml:{line}: {key}: this host cannot send from {NOT_OURS}: Cannot assign"
    assert main(["plan", str(tmp_path)]) == 0  # which is not to be sent from here
    assert told in capsys.readouterr().err
    assert main(["run", "--yes", str(tmp_path)]) == 78
    err = capsys.readouterr().err
    assert told in err
    assert "give the host this address" in err
    assert not world.good.sessions


def test_the_forecast_shares_the_letters_among_the_addresses(
    tmp_path: Path, stack: ExitStack
) -> None:
    world = world_of(tmp_path, stack)
    rates = 'rates = ["1/s"]'
    spans = []
    for more in (rates, f"{BOTH}\n{rates}"):
        mailing = world.mailing(PEOPLE, more=more)
        spans.append(forecast_s(mailing.write(), 1000, [(GOOD, 1000)]) or 0.0)
    assert spans[1] == pytest.approx(spans[0] / 2, rel=0.01)


@pytest.mark.parametrize(
    ("way", "line", "what"),
    [
        ('[direct]\nhello = "h.example"\naddresses = ["x"]', 10, "'x' is not an IP address; write"),
        ('[direct]\nhello = "h.example"\naddresses = []', 10, "addresses"),
        ('[direct]\nhello = "h.example"\naddresses = ["0.0.0.0"]', 10, "address of one host"),
        (
            '[direct]\nhello = "h.example"\naddresses = ["2001:db8::1", "2001:DB8:0::1"]',
            10,
            "2001:db8::1 stands twice in addresses; keep one",
        ),
        (
            '[direct]\nhello = "h.example"\naddresses = [{ address = "::1", hello = "a b" }]',
            10,
            "'a b' is not a host name",
        ),
        ('[relay]\nhost = "h.example"\nsource = "mx1"', 10, "'mx1' is not an IP address; write"),
        ('[relay]\nhost = "127.0.0.1"\nsource = "::1"', 10, "::1 cannot connect to 127.0.0.1"),
        (
            '[[relay]]\nhost = "h.example"\nsource = "::1"\n' * 2,
            8,
            "two relays are h.example port 587 from ::1; keep one",
        ),
    ],
)
def test_addresses_that_cannot_be_used_are_told_with_their_line(
    tmp_path: Path, way: str, line: int, what: str
) -> None:
    (tmp_path / "list.csv").write_text("email\nada@example.com\n")
    (tmp_path / "body.txt").write_text("Hello\n")
    file = tmp_path / "campaign.toml"
    file.write_text(
        'name = "x"\n[recipients]\nfiles = ["list.csv"]\n[message]\nfrom = "a@example.com"\n'
        f'subject = "s"\ntext = "body.txt"\n{way}\n'
    )
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path)
    assert f"{file}:{line}: " in str(caught.value)
    assert what.partition(";")[0] in str(caught.value)
