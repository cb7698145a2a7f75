"""A question in one datagram, and who may answer it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rrset
import pytest
from dns.rdatatype import RdataType

from campaign.routing.datagrams import QuestionSockets, ask_by_udp
from campaign.routing.resolver import Resolver
from fakes.clock import FakeClock
from fakes.mail.dns_server import dns_server

NAME = dns.name.from_text("Mail.Example.test")
Reply = Callable[[dns.message.Message], list[bytes]]


def honest(query: dns.message.Message, address: str = "192.0.2.1") -> dns.message.Message:
    reply = dns.message.make_response(query)
    reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", address))
    return reply


def asked(reply: Reply, *, timeout_s: float = 10.0) -> tuple[dns.message.Message, bytes]:
    """What came of one question, and the question as it travelled."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(10)
    seen: list[bytes] = []

    def serve() -> None:
        data, peer = server.recvfrom(4096)
        seen.append(data)
        for datagram in reply(dns.message.from_wire(data)):
            server.sendto(datagram, peer)

    async def ask() -> dns.message.Message:
        sockets = QuestionSockets()
        port = server.getsockname()[1]
        async with sockets.one_for("127.0.0.1", is_waited_for=lambda: False) as used:
            return await ask_by_udp(used, "127.0.0.1", port, NAME, RdataType.A, timeout_s)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        return asyncio.run(ask()), seen[0]
    finally:
        thread.join(10)
        server.close()


def test_a_question_is_what_dnspython_would_ask() -> None:
    reply, wire = asked(lambda query: [honest(query).to_wire()])
    assert [str(record) for record in reply.answer[0]] == ["192.0.2.1"]
    query = dns.message.from_wire(wire)
    assert (query.question[0].name, query.question[0].rdtype) == (NAME, RdataType.A)
    assert query.flags == dns.flags.RD | dns.flags.AD
    assert (query.edns, query.payload) == (0, 1232)
    same = dns.message.make_query(
        NAME, "A", use_edns=0, payload=1232, flags=dns.flags.RD | dns.flags.AD
    )
    assert wire[2:] == same.to_wire()[2:]


def forged_id(query: dns.message.Message) -> bytes:
    query.id ^= 1
    forged = honest(query, "203.0.113.1").to_wire()
    query.id ^= 1
    return forged


def other_question(query: dns.message.Message) -> bytes:
    other = dns.message.make_query("other.test", "A")
    other.id = query.id
    return honest(other, "203.0.113.1").to_wire()


def not_a_reply(query: dns.message.Message) -> bytes:
    return query.to_wire()


@pytest.mark.parametrize(
    "forged",
    [forged_id, other_question, not_a_reply, lambda query: b"\x00", lambda query: b""],
)
def test_what_is_no_answer_to_it_does_not_end_the_wait(
    forged: Callable[[dns.message.Message], bytes],
) -> None:
    reply, _ = asked(lambda query: [forged(query), honest(query).to_wire()])
    assert [str(record) for record in reply.answer[0]] == ["192.0.2.1"]


def test_a_reply_that_breaks_off_is_no_reply() -> None:
    reply, _ = asked(lambda query: [honest(query).to_wire()[:-2], honest(query).to_wire()])
    assert reply.answer


def test_an_answer_in_other_capitals_is_an_answer() -> None:
    def shouting(query: dns.message.Message) -> list[bytes]:
        wire = honest(query).to_wire()
        return [wire.replace(b"\x04Mail\x07Example", b"\x04MAIL\x07EXAMPLE")]

    reply, _ = asked(shouting)
    assert reply.answer


def test_nobody_waits_longer_than_the_timeout() -> None:
    with pytest.raises(dns.exception.Timeout):
        asked(lambda query: [forged_id(query)], timeout_s=0.1)


def test_an_answer_from_another_port_is_none() -> None:
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    async def ask() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.setblocking(False)
            loop = asyncio.get_running_loop()
            port = server.getsockname()[1]
            async with QuestionSockets().one_for("127.0.0.1", is_waited_for=lambda: False) as used:
                asking = asyncio.create_task(
                    ask_by_udp(used, "127.0.0.1", port, NAME, RdataType.A, 0.3)
                )
                data, peer = await loop.sock_recvfrom(server, 4096)
                other.sendto(honest(dns.message.from_wire(data)).to_wire(), peer)
                await asking

    with other, pytest.raises(dns.exception.Timeout):
        asyncio.run(ask())


def test_a_socket_is_used_again_while_others_wait_and_closed_when_nobody_does() -> None:
    class Watched(QuestionSockets):
        opened = 0

        async def _opened(self, family: int) -> object:  # type: ignore[override]
            Watched.opened += 1
            return await super()._opened(family)

    with dns_server() as server:
        names = [f"n{number}.test" for number in range(400)]
        for name in names:
            server.add(name, "A", "192.0.2.1")

        async def ask() -> None:
            resolver = Resolver([server.address], clock=FakeClock(), timeout_s=20.0)
            resolver._sockets = Watched()
            await asyncio.gather(*(resolver.addresses(name, ipv6=False) for name in names))
            assert not any(resolver._sockets._free.values())

        asyncio.run(ask())
    assert 64 <= Watched.opened < 200
