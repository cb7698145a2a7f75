"""A nameserver on loopback that says what it is told to, over UDP and TCP on one port.

In: records and faults by name.  Out: its port, the questions it was asked.
Touches: one thread, two sockets.

Names that were never mentioned do not exist (NXDOMAIN), types never mentioned are empty answers
(NODATA), both with a SOA record; CNAMEs are followed as far as they lead.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from enum import Enum, auto

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


class Fault(Enum):
    """What may happen to a question."""

    SERVFAIL = auto()
    REFUSED = auto()
    NXDOMAIN = auto()  # although records are there
    SILENCE = auto()
    TRUNCATED = auto()  # over UDP; the whole answer over TCP
    GARBAGE = auto()
    REFERRAL = auto()  # "ask another nameserver", which a resolver does not say to us
    LATE = auto()  # a quarter of a second after the question
    SHORT_CHAIN = auto()  # one CNAME at a time, without what it leads to


_CODES = {
    Fault.SERVFAIL: dns.rcode.SERVFAIL,
    Fault.REFUSED: dns.rcode.REFUSED,
    Fault.NXDOMAIN: dns.rcode.NXDOMAIN,
}
_LATE_S = 0.25


class DnsServer:
    """See `dns_server`."""

    def __init__(self, *, tcp: bool = True, host: str = "127.0.0.1", port: int = 0) -> None:
        self.asked: list[tuple[str, str]] = []  # (name, type), TCP as type "MX/tcp"
        self._has_come = threading.Event()
        self._records: dict[tuple[str, str], dns.rrset.RRset] = {}
        self._faults: dict[tuple[str, str], list[Fault]] = {}
        self._secure: set[str] = set()
        self._udp, self._tcp = _sockets(host, port, tcp=tcp)
        self._threads = [threading.Thread(target=self._serve_udp)]
        if tcp:
            self._threads.append(threading.Thread(target=self._serve_tcp))

    @property
    def address(self) -> str:
        """As [dns] nameservers wants it."""
        return f"{self.host}:{self.port}"

    @property
    def host(self) -> str:
        return str(self._udp.getsockname()[0])

    @property
    def port(self) -> int:
        return int(self._udp.getsockname()[1])

    @property
    def is_mute(self) -> bool:
        """Some question is never answered: a client had better be impatient."""
        mute = {Fault.SILENCE, Fault.GARBAGE}
        return any(mute & set(faults) for faults in self._faults.values())

    def add(self, name: str, kind: str, *values: str, ttl: int = 300, secure: bool = False) -> None:
        """Records of one name and type; `secure`: validated, the AD bit is set."""
        self._records[name, kind] = dns.rrset.from_text(f"{name}.", ttl, "IN", kind, *values)
        if secure:
            self._secure.add(name)

    def fail(self, name: str, kind: str, *faults: Fault) -> None:
        """Faults for one question, each time the next one, the last one for good.

        `name` "*" is every name not mentioned otherwise, `kind` "*" every type.
        """
        self._faults[name, kind] = list(faults)

    def wait_for_question(self, at_most_s: float = 10.0) -> None:
        """Until one more has come."""
        self._has_come.clear()
        self._has_come.wait(at_most_s)

    def mend(self) -> None:
        """No more faults."""
        self._faults.clear()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._udp.getsockname())
        with contextlib.suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self) -> None:
        while True:
            data, peer = self._udp.recvfrom(65535)
            if not data:
                return
            reply, delay_s = self._reply(data, is_udp=True)
            if reply and delay_s:
                timer = threading.Timer(delay_s, self._send_late, (reply, peer))
                timer.daemon = True
                timer.start()
            elif reply:
                self._udp.sendto(reply, peer)

    def _send_late(self, reply: bytes, peer: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):  # stopped meanwhile
            self._udp.sendto(reply, peer)

    def _serve_tcp(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError, struct.error):
                connection.settimeout(5)
                (size,) = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))
                reply, _ = self._reply(connection.recv(size, socket.MSG_WAITALL), is_udp=False)
                connection.sendall(struct.pack("!H", len(reply)) + reply)

    def _reply(self, data: bytes, *, is_udp: bool) -> tuple[bytes, float]:
        """The bytes to send, none for silence, and how long to wait before."""
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind if is_udp else f"{kind}/tcp"))
        self._has_come.set()
        fault = self._next_fault(name, kind)
        if fault is Fault.SILENCE:
            return b"", 0.0
        if fault is Fault.GARBAGE:
            return data[:2] + b"\x81\x80garbage", 0.0
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if fault is Fault.TRUNCATED and is_udp:
            reply.flags |= dns.flags.TC
        elif fault is Fault.REFERRAL:
            reply.authority.append(
                dns.rrset.from_text("test.", 300, "IN", "NS", "ns1.elsewhere.test.")
            )
        elif fault in _CODES:
            reply.set_rcode(_CODES[fault])
        else:
            self._answer(reply, name, kind, stops_early=fault is Fault.SHORT_CHAIN)
        return reply.to_wire(max_size=65535), _LATE_S if fault is Fault.LATE else 0.0

    def _next_fault(self, name: str, kind: str) -> Fault | None:
        for key in ((name, kind), (name, "*"), ("*", kind), ("*", "*")):
            faults = self._faults.get(key)
            if faults:
                return faults.pop(0) if len(faults) > 1 else faults[0]
        return None

    def _answer(
        self, reply: dns.message.Message, name: str, kind: str, *, stops_early: bool
    ) -> None:
        is_secure = name in self._secure
        seen: set[str] = set()
        while (name, "CNAME") in self._records and name not in seen:
            seen.add(name)
            alias = self._records[name, "CNAME"]
            reply.answer.append(alias)
            name = alias[0].target.to_text(omit_final_dot=True)
            is_secure = is_secure and name in self._secure
            if stops_early:
                return
        if (name, kind) in self._records:
            reply.answer.append(self._records[name, kind])
        elif name not in seen:
            reply.authority.append(
                dns.rrset.from_text("test.", 300, "IN", "SOA", "ns.test. root.test. 1 2 3 4 300")
            )
            below = any(known == name or known.endswith(f".{name}") for known, _ in self._records)
            if not below and name != ".":
                reply.set_rcode(dns.rcode.NXDOMAIN)
        if is_secure:
            reply.flags |= dns.flags.AD


def _sockets(host: str, port: int, *, tcp: bool) -> tuple[socket.socket, socket.socket]:
    """UDP and TCP on the same port, 0: of the system's choice; without `tcp` it listens not
    there."""
    while True:
        udp = socket.socket(type=socket.SOCK_DGRAM)
        udp.bind((host, port))
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(udp.getsockname())
        except OSError:  # taken for TCP
            udp.close()
            listener.close()
            continue
        if tcp:  # else bound, so that nobody else takes it, but not listening
            listener.listen()
        return udp, listener


@contextlib.contextmanager
def dns_server(*, tcp: bool = True, host: str = "127.0.0.1", port: int = 0) -> Iterator[DnsServer]:
    """A nameserver until the block ends; `tcp` False: connections are refused."""
    server = DnsServer(tcp=tcp, host=host, port=port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
