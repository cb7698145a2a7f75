"""Straight to the mail servers of a domain: which host, which address, how encrypted."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

from campaign.config.settings import Direct, Dns
from campaign.pool.direct.dialer import Dialer, make_router
from campaign.records import Stage
from campaign.routing.answers import TlsaRecord
from campaign.routing.destinations import Host, Route, TlsNeed
from campaign.routing.tls.certificates import public_key
from campaign.smtp.endpoint import ConnectRefused, Timeouts
from fakes.certificates import Authority, Pair
from fakes.clock import FakeClock
from fakes.mail.dns_server import dns_server
from fakes.mail.internet import ServerAt
from fakes.mail.postman import PATIENT, Postman, letter
from fakes.mail.scripted_smtp import SILENCE, Script, ScriptedServer, drop, on

Serve = Callable[..., ScriptedServer]
BAD_GREETING = Script(on("CONNECT", drop("554 5.7.1 we do not want you")))
NOT_NOW = Script(on("CONNECT", drop("421 4.3.2 too busy")))


class Errand(Postman):
    """Letters sent over connections that a dialer opens."""

    async def run(self, dialer: Dialer) -> Errand:
        connection = await dialer.dial(self, 10)
        self._open += 1
        connection.wake()
        await asyncio.wait_for(self.is_over.wait(), 60)
        return self


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server at an address, all of one test on the same port."""
    with ExitStack() as stack:
        ports: list[int] = []

        def start(script: Script | None = None, address: str = "127.0.0.1") -> ScriptedServer:
            server = ServerAt(script or Script(), address, ports[0] if ports else 0)
            stack.enter_context(server)
            ports.append(server.port)
            return server

        yield start


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def host(name: str, *addresses: str, preference: int = 10, **tls: Any) -> Host:
    return Host(name, preference, addresses, TlsNeed(**tls))


def errand(
    server: ScriptedServer, *hosts: Host, timeouts: Timeouts = PATIENT, ca_file: str = ""
) -> Errand:
    """One letter by a route with these hosts."""
    direct = Direct(hello="client.example", port=server.port, allow_private=True)
    route = Route("example.test", "mx.test", "mx.test", hosts)
    dialer = Dialer(route, direct, random=Random(1), timeouts=timeouts, ca_file=ca_file)

    async def main() -> Errand:
        try:
            return await Errand([letter(1)]).run(dialer)
        finally:  # a connection that was cut off takes a moment to end
            while not all(session.ended.is_set() for session in server.sessions):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)

    return asyncio.run(main())


def test_the_preferred_host_gets_the_letter(serve: Serve) -> None:
    first, second = serve(), serve(address="127.0.0.2")
    found = errand(first, host("b.test", "127.0.0.2", preference=20), host("a.test", "127.0.0.1"))
    assert found.sent == [1]
    assert (len(first.accepted), len(second.accepted)) == (1, 0)
    assert first.commands[0] == "EHLO client.example"


def test_equal_hosts_share_the_load(serve: Serve) -> None:
    first, second = serve(), serve(address="127.0.0.2")
    direct = Direct(hello="client.example", port=first.port)
    hosts = (host("a.test", "127.0.0.1"), host("b.test", "127.0.0.2"))
    dialer = Dialer(
        Route("example.test", "s", "s", hosts), direct, random=Random(1), timeouts=PATIENT
    )

    async def main() -> None:
        for number in range(12):
            await Errand([letter(number)]).run(dialer)

    asyncio.run(main())
    assert len(first.accepted) + len(second.accepted) == 12
    assert first.accepted
    assert second.accepted


def test_a_host_that_does_not_listen_leaves_the_next(serve: Serve) -> None:
    server = serve(address="127.0.0.2")
    found = errand(server, host("a.test", "127.0.0.1"), host("b.test", "127.0.0.2", preference=20))
    assert found.sent == [1]


@pytest.mark.parametrize("script", [BAD_GREETING, NOT_NOW], ids=["554", "421"])
def test_a_bad_greeting_leaves_the_next_host(serve: Serve, script: Script) -> None:
    first, second = serve(script), serve(address="127.0.0.2")
    found = errand(
        first,
        host("a.test", "127.0.0.1", "127.0.0.3"),
        host("b.test", "127.0.0.2", preference=20),
    )
    assert found.sent == [1]
    assert len(second.accepted) == 1


def test_a_host_that_never_greets_leaves_the_next(serve: Serve) -> None:
    first = serve(Script(on("CONNECT", SILENCE)))
    second = serve(address="127.0.0.2")
    hasty = Timeouts(connect=5, greeting=1.0)  # which the second must keep
    errand(
        first,
        host("a.test", "127.0.0.1"),
        host("b.test", "127.0.0.2", preference=20),
        timeouts=hasty,
    )
    assert len(second.accepted) == 1


def test_a_bad_greeting_of_the_only_host_leaves_its_other_address(serve: Serve) -> None:
    first, second = serve(BAD_GREETING), serve(address="127.0.0.2")
    errand(first, host("a.test", "127.0.0.1", "127.0.0.2"))
    assert len(second.accepted) == 1


def test_two_sessions_are_enough(serve: Serve) -> None:
    servers = [serve(BAD_GREETING, f"127.0.0.{n}") for n in (1, 2, 3)]
    hosts = [host(f"{n}.test", f"127.0.0.{n}", preference=n) for n in (1, 2, 3)]
    with pytest.raises(ConnectRefused, match="no mail server of") as caught:
        errand(servers[0], *hosts)
    assert [len(server.sessions) for server in servers] == [1, 1, 0]
    assert caught.value.stage is Stage.GREETING
    assert caught.value.reply is not None
    assert caught.value.reply.code == 554


def test_when_no_host_listens_the_dial_is_refused(serve: Serve) -> None:
    server = serve()
    with pytest.raises(ConnectRefused, match="cannot connect") as caught:
        errand(server, host("a.test", "127.0.0.2"), host("b.test", "127.0.0.3"))
    assert caught.value.stage is Stage.CONNECT
    assert caught.value.errno


def test_dead_ipv6_leaves_ipv4(serve: Serve) -> None:
    server = serve()
    assert errand(server, host("a.test", "::1", "127.0.0.1")).sent == [1]


def test_an_address_that_swallows_packets_delays_the_next_by_a_moment(serve: Serve) -> None:
    server = serve()
    with ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.bind(("127.0.0.2", server.port))
        hole.listen(0)
        for _ in range(3):  # then its queue is full, and the kernel answers nothing more
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.2", server.port))
        assert errand(server, host("a.test", "127.0.0.2", "127.0.0.1")).sent == [1]


# -- TLS -----------------------------------------------------------------------------------------


def test_tls_is_taken_where_offered_whoever_signed_it(serve: Serve, authority: Authority) -> None:
    server = serve(Script(certificate=authority.issue("other.test")))
    assert errand(server, host("a.test", "127.0.0.1")).sent == [1]
    assert server.sessions[0].tls_version


def test_without_tls_a_letter_goes_in_clear_text_if_nobody_demands_more(serve: Serve) -> None:
    server = serve()
    assert errand(server, host("a.test", "127.0.0.1")).sent == [1]


def test_a_failed_handshake_is_followed_by_clear_text_to_the_same_address(
    serve: Serve, authority: Authority
) -> None:
    certificate = authority.issue("a.test")
    broken = Script(on("STARTTLS", drop("220 go ahead")), certificate=certificate)
    server, other = serve(broken), serve(address="127.0.0.2")
    assert errand(server, host("a.test", "127.0.0.1", "127.0.0.2")).sent == [1]
    assert len(server.sessions) == 2
    assert not other.sessions


def test_where_tls_is_required_a_host_without_it_is_passed_over(
    serve: Serve, authority: Authority
) -> None:
    first = serve()
    second = serve(Script(certificate=authority.issue("b.test")), "127.0.0.2")
    errand(
        first,
        host("a.test", "127.0.0.1", is_required=True),
        host("b.test", "127.0.0.2", preference=20, is_required=True),
    )
    assert not first.accepted
    assert len(second.accepted) == 1


def test_where_tls_is_required_nothing_goes_in_clear_text(serve: Serve) -> None:
    server = serve()
    with pytest.raises(ConnectRefused, match="STARTTLS") as caught:
        errand(server, host("a.test", "127.0.0.1", is_required=True))
    assert caught.value.stage is Stage.STARTTLS
    assert not server.letters


def test_an_enforced_policy_is_content_with_a_certificate_for_the_host(
    serve: Serve, authority: Authority
) -> None:
    server = serve(Script(certificate=authority.issue("a.test")))
    needed = host("a.test", "127.0.0.1", is_required=True, is_verified=True)
    assert errand(server, needed, ca_file=authority.ca_file).sent == [1]


@pytest.mark.parametrize(("name", "days"), [("other.test", 30), ("a.test", -1)])
def test_an_enforced_policy_lets_mail_wait_for_a_good_certificate(
    serve: Serve, authority: Authority, name: str, days: int
) -> None:
    server = serve(Script(certificate=authority.issue(name, days=days)))
    needed = host("a.test", "127.0.0.1", is_required=True, is_verified=True)
    with pytest.raises(ConnectRefused, match=r"certificate of a\.test"):
        errand(server, needed, ca_file=authority.ca_file)
    assert not server.letters


def pin(pair: Pair) -> TlsaRecord:
    der = ssl.PEM_cert_to_DER_cert(Path(pair.cert).read_text())
    return TlsaRecord(3, 1, 1, hashlib.sha256(public_key(der)).digest())


def test_dane_is_content_with_the_certificate_that_the_dns_vouches_for(
    serve: Serve, authority: Authority
) -> None:
    pair = authority.issue("any.test", days=-1)  # neither name nor date matter (RFC 7672, 3.1.1)
    server = serve(Script(certificate=pair))
    found = errand(server, host("a.test", "127.0.0.1", is_required=True, tlsa=(pin(pair),)))
    assert found.sent == [1]


def test_dane_lets_no_letter_over_another_certificate(serve: Serve, authority: Authority) -> None:
    right, wrong = authority.issue("a.test"), authority.issue("a.test", file="wrong")
    first = serve(Script(certificate=wrong))
    second = serve(Script(certificate=right), "127.0.0.2")
    hosts = [
        host(name, address, preference=preference, is_required=True, tlsa=(pin(right),))
        for name, address, preference in (("a.test", "127.0.0.1", 1), ("b.test", "127.0.0.2", 2))
    ]
    found = errand(first, *hosts)
    assert found.sent == [1]
    assert (first.letters, len(second.accepted)) == ([], 1)
    assert len(found.closings) == 1  # the courier never heard of the first connection
    with pytest.raises(ConnectRefused, match="DANE"):
        errand(first, hosts[0])


def test_from_a_domain_to_its_mail_server(serve: Serve) -> None:
    server = serve()
    direct = Direct(hello="client.example", port=server.port, allow_private=True)
    with dns_server() as dns:
        dns.add("example.test", "MX", "10 mx.example.test.")
        dns.add("mx.example.test", "A", "127.0.0.1")

        async def main() -> Errand:
            router = make_router(Dns(nameservers=(dns.address,)), direct, FakeClock(), Random(1))
            route = await router.route("example.test")
            assert isinstance(route, Route)
            dialer = Dialer(route, direct, random=Random(1), timeouts=PATIENT)
            return await Errand([letter(1, "ada@example.test")]).run(dialer)

        found = asyncio.run(main())
    assert found.sent == [1]
    assert server.accepted[0].recipient == "ada@example.test"
