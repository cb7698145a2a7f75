"""preflight.verify.probing: mail servers are asked politely, and nothing is ever sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from campaign.addresses.disposable import none_installed
from campaign.errors import ConfigError
from campaign.preflight.verify.etiquette import Prober, check_sender
from campaign.preflight.verify.findings import MailboxFinding, Standing
from campaign.preflight.verify.notebook import open_notebook
from campaign.preflight.verify.probing import PATIENCE, Probing
from campaign.preflight.verify.verification import Verification
from campaign.routing.resolver import Resolver
from campaign.routing.route import Router
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, dns_server
from fakes.mail.postfix import private_postfix
from fakes.mail.scripted_smtp import Script, ScriptedServer, drop, on, say
from fakes.ports import own_port

GONE = say("550 5.1.1 no such user")
Serve = Callable[..., ScriptedServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda *rules: stack.enter_context(ScriptedServer(Script(*rules)))


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with dns_server() as server:
        for number in range(3):
            server.add(f"firm{number}.example", "MX", "10 mx.host.example.")
        server.add("mx.host.example", "A", "127.0.0.1")
        yield server


class Watch(FakeClock):
    """A clock that waiting moves."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.sleep(seconds)


def probed(
    folder: Path, dns: DnsServer, port: int, addresses: list[str], watch: Watch, **how: object
) -> dict[str, tuple[str, str]]:
    """Address -> verdict and cause, of a list of these."""
    file = folder / "list.csv"
    file.write_text("email\n" + "\n".join(addresses) + "\n", encoding="utf-8")
    prober = replace(Prober("me.example", "probe@me.example", port), **how)  # type: ignore[arg-type]

    def silent(what: str, done: int, total: int | None) -> None:
        pass

    with open_notebook(folder / "checked.csv", watch) as notebook:
        verification = Verification(file, "email", notebook, watch, silent)
        verification.count_domains()

        async def ask() -> None:
            resolver = Resolver([dns.address], clock=watch)
            router = Router(
                resolver, clock=watch, random=Random(1), allow_private=True, port=port, ipv6=False
            )
            await verification.look_up_domains(resolver, allow_private=True)
            verification.collect_names(none_installed(), prober)
            timeouts = replace(PATIENCE, rcpt=2.0)
            probing = Probing(
                prober, router, notebook, watch, Random(1), silent,
                sleep=watch.wait, timeouts=timeouts,
            )  # fmt: skip
            await probing.run()

        asyncio.run(ask())
        rows = list(verification.rows(none_installed(), prober))
    return {row.cells[0]: (str(row.finding.standing), row.finding.cause) for row in rows}


def is_random(command: str) -> bool:
    name = command.partition("<")[2].partition("@")[0]
    return len(name) == 18


def names_asked(server: ScriptedServer) -> list[str]:
    return [
        command.partition("<")[2].partition("@")[0]
        for command in server.commands
        if command.startswith("RCPT")
    ]


def test_a_taken_name_is_good_where_a_random_one_is_refused(
    serve: Serve, dns: DnsServer, tmp_path: Path
) -> None:
    server = serve(on("RCPT", GONE, test=is_random), on("RCPT", GONE, where="bob@"))
    names = ["ada@firm0.example", "bob@firm0.example", "cai@firm0.example"]
    found = probed(tmp_path, dns, server.port, names, Watch())
    assert found == {
        "ada@firm0.example": ("good", ""),
        "bob@firm0.example": ("bad", "no such mailbox"),
        "cai@firm0.example": ("good", ""),
    }
    asked = names_asked(server)
    assert (asked[0], asked[2:]) == ("ada", ["bob", "cai"])  # the random name once, and second
    assert len(asked[1]) == 18


def test_only_mail_rcpt_rset_and_quit_are_said(
    serve: Serve, dns: DnsServer, tmp_path: Path
) -> None:
    server = serve()
    probed(tmp_path, dns, server.port, ["ada@firm0.example"], Watch())
    verbs = [command.split()[0] for command in server.commands]
    assert verbs == ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "RSET", "QUIT"]
    assert server.commands[1] == "MAIL FROM:<probe@me.example>"
    assert server.commands[0] == "EHLO me.example"
    assert not server.letters


def test_a_refused_name_is_not_followed_by_a_random_one(
    serve: Serve, dns: DnsServer, tmp_path: Path
) -> None:
    server = serve(on("RCPT", GONE))
    probed(tmp_path, dns, server.port, ["ada@firm0.example"], Watch())
    assert names_asked(server) == ["ada"]


def test_a_domain_that_takes_every_name_is_doubtful_and_asked_no_more(
    serve: Serve, dns: DnsServer, tmp_path: Path
) -> None:
    server = serve()
    names = [f"p{number}@firm0.example" for number in range(9)]
    found = probed(tmp_path, dns, server.port, names, Watch())
    assert set(found.values()) == {("doubtful", "takes every name")}
    assert len(names_asked(server)) == 2


def test_one_site_has_one_connection_and_one_question_a_second(
    serve: Serve, dns: DnsServer, tmp_path: Path
) -> None:
    server = serve(on("RCPT", GONE))
    watch = Watch()
    names = [f"p{number}@firm{number % 3}.example" for number in range(9)]
    probed(tmp_path, dns, server.port, names, watch)
    assert len(server.sessions) == 1
    assert watch.waits == [pytest.approx(1.0)] * 8


def test_the_first_reply_about_us_ends_the_questions_at_the_whole_site(
    serve: Serve, dns: DnsServer, tmp_path: Path
) -> None:
    server = serve(on("RCPT", GONE, where="ada@"), on("RCPT", say("550 5.7.1 listed by Spamhaus")))
    names = ["ada@firm0.example", "bob@firm0.example", "cai@firm1.example", "ada@firm2.example"]
    found = probed(tmp_path, dns, server.port, names, Watch())
    assert found["ada@firm0.example"] == ("bad", "no such mailbox")
    assert {found[name] for name in names[1:]} == {("unknown", "refuses our questions")}
    assert names_asked(server) == ["ada", "bob"]


def test_a_policy_reply_to_the_random_name_ends_the_questions_too(
    serve: Serve, dns: DnsServer, tmp_path: Path
) -> None:
    server = serve(on("RCPT", say("450 4.7.1 too many unknown users"), test=is_random))
    names = ["ada@firm0.example", "bob@firm0.example"]
    found = probed(tmp_path, dns, server.port, names, Watch())
    assert found["ada@firm0.example"] == ("doubtful", "may take every name")


def test_a_name_put_off_is_asked_once_more_after_the_greylist_delay(
    serve: Serve, dns: DnsServer, tmp_path: Path
) -> None:
    later = say("450 4.2.0 greylisted")
    server = serve(
        on("RCPT", GONE, test=is_random),
        on("RCPT", later, where="ada@", session=0),
        on("RCPT", later, where="bob@"),
    )
    watch = Watch()
    names = ["ada@firm0.example", "bob@firm0.example"]
    found = probed(tmp_path, dns, server.port, names, watch)
    assert found == {
        "ada@firm0.example": ("good", ""),
        "bob@firm0.example": ("unknown", "put off"),
    }
    assert max(watch.waits) >= 300
    assert names_asked(server).count("bob") == 2


def test_at_most_25_names_of_a_domain_are_asked_unless_all_are_wanted(
    serve: Serve, dns: DnsServer, tmp_path: Path
) -> None:
    server = serve(on("RCPT", GONE))
    names = [f"p{number}@firm0.example" for number in range(30)]
    found = list(probed(tmp_path, dns, server.port, names, Watch()).values())
    assert found.count(("bad", "no such mailbox")) == 25
    assert found.count(("unknown", "not asked")) == 5
    found = list(probed(tmp_path, dns, server.port, names, Watch(), names_per_domain=None).values())
    assert found.count(("bad", "no such mailbox")) == 30


def test_a_probe_that_was_stopped_goes_on_where_it_was(
    serve: Serve, dns: DnsServer, tmp_path: Path
) -> None:
    class Stopping(Watch):
        async def wait(self, seconds: float) -> None:
            await super().wait(seconds)
            if len(self.waits) == 4:
                raise Stop

    class Stop(Exception):
        pass

    server = serve(on("RCPT", GONE))
    names = [f"p{number}@firm0.example" for number in range(8)]
    with pytest.raises(Stop):
        probed(tmp_path, dns, server.port, names, Stopping())
    assert len(names_asked(server)) == 4
    found = probed(tmp_path, dns, server.port, names, Watch())
    assert set(found.values()) == {("bad", "no such mailbox")}
    assert sorted(names_asked(server)) == [f"p{number}" for number in range(8)]


def test_a_server_that_refused_to_tell_is_not_asked_again_by_who_comes_back(
    dns: DnsServer, tmp_path: Path
) -> None:
    clock = FakeClock()
    refused = MailboxFinding(Standing.UNKNOWN, "refuses our questions", "", clock.now_s())

    def killed() -> None:
        with open_notebook(tmp_path / "x.csv", clock) as notebook:
            for key in ("ada@firm0.example", "bob@firm0.example"):
                notebook.add_name(key, "firm0.example", key, 25)
            notebook.keep_name("ada@firm0.example", refused)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    with open_notebook(tmp_path / "x.csv", clock) as notebook:
        for key in ("ada@firm0.example", "bob@firm0.example"):
            notebook.add_name(key, "firm0.example", key, 25)
        assert notebook.names_to_ask("firm0.example") == [("bob@firm0.example",) * 2]
        assert notebook.name("ada@firm0.example") == refused


def test_a_host_that_is_down_says_nothing_of_the_other_domains(
    serve: Serve, dns: DnsServer, tmp_path: Path
) -> None:
    server = serve(on("RCPT", GONE))
    for domain, host, address in (
        ("down.example", "mx1.mail.ovh.net", "127.0.0.9"),
        ("up.example", "mx2.mail.ovh.net", "127.0.0.1"),
    ):
        dns.add(domain, "MX", f"10 {host}.")
        dns.add(host, "A", address)
    names = ["ada@down.example", "bob@up.example"]
    found = probed(tmp_path, dns, server.port, names, Watch())
    assert found == {
        "ada@down.example": ("unknown", "its mail server is not reached"),
        "bob@up.example": ("bad", "no such mailbox"),
    }


@pytest.mark.parametrize(
    ("domain", "mx"),
    [
        ("gmail.com", "gmail-smtp-in.l.google.com"), ("workspace.example", "aspmx.l.google.com"),
        ("outlook.com", "outlook-com.olc.protection.outlook.com"),
        ("firm365.example", "firm365-example.mail.protection.outlook.com"),
        ("yahoo.com", "mta5.am0.yahoodns.net"), ("icloud.com", "mx01.mail.icloud.com"),
        ("qq.com", "mx3.qq.com"), ("exmail.example", "mxbiz1.qq.com"),
        ("163.com", "163mx01.mxmail.netease.com"), ("126.com", "126mx01.mxmail.netease.com"),
    ],
)  # fmt: skip
def test_providers_that_tell_nobody_are_never_asked(
    serve: Serve, dns: DnsServer, tmp_path: Path, domain: str, mx: str
) -> None:
    server = serve()
    dns.add(domain, "MX", f"10 {mx}.")
    dns.add(mx, "A", "127.0.0.1")
    found = probed(tmp_path, dns, server.port, [f"ada@{domain}"], Watch())
    assert found == {f"ada@{domain}": ("unknown", "provider does not tell")}
    assert server.sessions == []


@pytest.mark.parametrize(
    "rule",
    [
        on("CONNECT", say("554 5.7.1 go away", end="drop")),
        on("EHLO", drop()),
        on("MAIL", say("553 5.1.8 sender refused")),
        on("RCPT", drop()),
        on("RCPT", say("421 4.7.0 too much", end="drop")),
    ],
    ids=["greeting", "EHLO", "MAIL", "RCPT", "421"],
)
def test_a_server_that_does_not_talk_to_us_leaves_its_names_unknown(
    serve: Serve, dns: DnsServer, tmp_path: Path, rule: object
) -> None:
    server = serve(rule)
    names = ["ada@firm0.example", "bob@firm1.example"]
    found = probed(tmp_path, dns, server.port, names, Watch())
    assert {standing for standing, _ in found.values()} == {"unknown"}
    assert len(names_asked(server)) <= 1


def test_a_real_postfix_tells_who_is_there(dns: DnsServer, tmp_path: Path) -> None:
    def settings(folder: Path) -> str:
        return (
            "mynetworks =\nsmtpd_relay_restrictions = reject_unauth_destination\n"
            "virtual_mailbox_maps = inline:{ { ada@example.com = box/ } }\n"
        )

    dns.add("example.com", "MX", "10 mx.host.example.")
    with private_postfix(own_port(), settings) as postfix:
        names = ["ada@example.com", "bob@example.com", "cai@firm0.example"]
        found = probed(tmp_path, dns, postfix.port, names, Watch())
        assert found["ada@example.com"] == ("good", "")
        assert found["bob@example.com"] == ("bad", "no such mailbox")
        assert found["cai@firm0.example"][0] == "unknown"  # relay access denied: about us
        assert postfix.delivered(0) == []


def checked(dns: DnsServer, hello: str, source: str = "") -> None:
    async def ask() -> None:
        await check_sender(Resolver([dns.address], clock=FakeClock()), hello, source)

    asyncio.run(ask())


def test_who_has_no_ptr_that_leads_back_may_not_ask(dns: DnsServer) -> None:
    dns.add("me.example", "A", "127.0.0.1")
    with pytest.raises(ConfigError, match="no PTR that leads back") as refusal:
        checked(dns, "me.example")
    assert refusal.value.exit_code == 78
    dns.add("1.0.0.127.in-addr.arpa", "PTR", "other.example.")
    with pytest.raises(ConfigError, match="no PTR that leads back"):
        checked(dns, "me.example")


def test_who_has_a_ptr_that_leads_back_may_ask(dns: DnsServer) -> None:
    dns.add("me.example", "A", "127.0.0.1")
    dns.add("1.0.0.127.in-addr.arpa", "PTR", "me.example.")
    checked(dns, "me.example")


def test_who_asks_from_an_address_of_the_config_is_judged_by_that_address(dns: DnsServer) -> None:
    dns.add("me.example", "A", "127.0.0.1")
    dns.add("1.0.0.127.in-addr.arpa", "PTR", "me.example.")
    checked(dns, "me.example", "127.0.0.1")
    with pytest.raises(ConfigError, match=r"speaks from 9\.9\.9\.9"):
        checked(dns, "me.example", "9.9.9.9")
