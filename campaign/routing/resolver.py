"""Questions to the DNS, answered from a cache or by the nameservers; with `datagrams` the door to
dnspython.

In: names.  Out: `DnsAnswer`, or `DnsError`.  Touches: UDP and TCP to the nameservers,
/etc/resolv.conf when no nameservers are given.

Every question goes to one nameserver after another until one knows.  "No such name" for a mail
domain or a mail host counts when two nameservers agree; where only one is configured, when it
says so twice.  With several of which only one can be reached, it is no knowledge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple, TypeVar

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.resolver
from dns.rdatatype import RdataType

from campaign.clock import Clock
from campaign.errors import ConfigError
from campaign.routing.answers import DnsAnswer, DnsError, MxRecord, Status, TlsaRecord
from campaign.routing.cache import Cache
from campaign.routing.datagrams import PAYLOAD, QuestionSockets, ask_by_udp
from campaign.routing.pace import QuestionPace

LEAST_TTL_S = 30.0  # a TTL of 0 must not make a question of every letter
MOST_TTL_S = 86400.0  # a TTL of ten years must not outlive a move
MOST_DENIAL_S = 10800.0  # RFC 2308, 5: one to three hours
_PORT = 53
_MOST_HOPS = 8  # of a CNAME chain the nameserver leaves to us
_MOST_AT_ONCE = 64  # questions under way; more sockets would only queue at the nameserver
_HEALTHY_S = 5.0  # not asked again for so long
_TAKEN_BY_TWO = frozenset({RdataType.MX, RdataType.A, RdataType.AAAA})

Plain = TypeVar("Plain")


class Nameserver(NamedTuple):
    """Where a nameserver listens."""

    address: str
    port: int = _PORT

    def __str__(self) -> str:
        return self.address if self.port == _PORT else f"{self.address} port {self.port}"


def read_nameserver(text: str) -> Nameserver:
    """ "9.9.9.9", "127.0.0.1:5353", "::1" or "[::1]:5353".  ConfigError."""
    address, port = text.strip(), ""
    if address.startswith("["):
        address, _, port = address[1:].partition("]")
        port = port.removeprefix(":")
    elif address.count(":") == 1:
        address, _, port = address.partition(":")
    try:
        ip_address(address)
        number = int(port or _PORT)
        if not 0 < number < 65536:
            raise ValueError(port)
    except ValueError as error:
        raise ConfigError(
            f"'{text}' is not a nameserver", remedy="write its address: 9.9.9.9, or 127.0.0.1:5353"
        ) from error
    return Nameserver(address, number)


def system_nameservers() -> list[Nameserver]:
    """What this machine is set to ask.  ConfigError where it says nothing."""
    try:
        found = dns.resolver.Resolver().nameservers
    except dns.resolver.NoResolverConfiguration as error:
        raise ConfigError(
            "this machine names no nameserver", remedy="set nameservers in [dns]"
        ) from error
    return [Nameserver(server) for server in found if isinstance(server, str)]


class Resolver:
    """A stub resolver (RFC 1034, 5.3.1) for mail: MX, A, AAAA, TXT, NS, PTR and TLSA."""

    def __init__(
        self,
        nameservers: Sequence[str] = (),
        *,
        clock: Clock,
        timeout_s: float = 5.0,
        pace: QuestionPace | None = None,
    ):
        """`timeout_s` is how long one nameserver may take for one question."""
        self._servers = [read_nameserver(text) for text in nameservers] or system_nameservers()
        self._timeout_s = timeout_s
        self._pace = pace
        self._clock = clock
        self._cache: Cache[tuple[dns.name.Name, RdataType], DnsAnswer[dns.rdata.Rdata]] = Cache(
            clock
        )
        self._failures: Cache[tuple[dns.name.Name, RdataType], str] = Cache(clock)
        self._health: Cache[str, bool] = Cache(clock)
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)
        self._sockets = QuestionSockets()
        self._knew_at_s = float("-inf")  # when a nameserver last gave knowledge
        self._known = dns.name.root  # and of which name

    async def mx(self, name: str) -> DnsAnswer[MxRecord]:
        """The mail exchanges as they stand, the null MX included."""
        return await self._look_up(
            name, RdataType.MX, lambda r: MxRecord(r.preference, _text(r.exchange))
        )

    async def addresses(self, name: str, *, ipv6: bool) -> DnsAnswer[str]:
        """AAAA records with `ipv6`, else A records."""
        return await self._look_up(
            name, RdataType.AAAA if ipv6 else RdataType.A, lambda r: str(r.address)
        )

    async def texts(self, name: str) -> DnsAnswer[str]:
        """TXT records, the strings of each joined (RFC 7208, 3.3)."""
        return await self._look_up(
            name, RdataType.TXT, lambda r: b"".join(r.strings).decode("ascii", "replace")
        )

    async def nameservers(self, name: str) -> DnsAnswer[str]:
        """NS records: the authoritative nameservers of a zone."""
        return await self._look_up(name, RdataType.NS, lambda r: _text(r.target))

    async def pointers(self, address: str) -> DnsAnswer[str]:
        """PTR records: the names of an IP address (RFC 1035, 3.5; RFC 3596, 2.5)."""
        name = ip_address(address).reverse_pointer
        return await self._look_up(name, RdataType.PTR, lambda r: _text(r.target))

    async def tlsa(self, name: str) -> DnsAnswer[TlsaRecord]:
        """TLSA records."""
        return await self._look_up(
            name, RdataType.TLSA, lambda r: TlsaRecord(r.usage, r.selector, r.mtype, r.cert)
        )

    async def is_up(self) -> bool:
        """Whether any nameserver knows anything at all."""
        return await self._health.find("", self._look_for_life)

    async def _look_for_life(self) -> tuple[bool, float]:
        """The root is known to every nameserver; what was known last to one that hides the root."""
        asked_at_s = self._clock.tick_s()
        for name, kind in ((dns.name.root, RdataType.NS), (self._known, RdataType.A)):
            try:
                await self._ask(name, kind)
            except _NoKnowledgeError:
                continue
            return True, _HEALTHY_S
        is_up = self._knew_at_s > asked_at_s  # somebody else's question was answered meanwhile
        return is_up, 0.0

    async def _look_up(
        self, name: str, kind: RdataType, plain: Callable[[Any], Plain]
    ) -> DnsAnswer[Plain]:
        try:
            question = dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            return DnsAnswer(
                Status.NO_NAME, ttl_s=MOST_DENIAL_S
            )  # too long for a name: it has none
        answer = await self._cache.find(
            (question, kind), lambda: self._ask_or_explain(question, kind)
        )
        return DnsAnswer(
            answer.status,
            tuple(plain(record) for record in answer.records),
            answer.ttl_s,
            answer.is_secure,
            answer.canonical,
        )

    async def _ask_or_explain(
        self, name: dns.name.Name, kind: RdataType
    ) -> tuple[DnsAnswer[dns.rdata.Rdata], float]:
        if failure := self._failures.get((name, kind)):
            raise DnsError(failure)
        asked_at_s = self._clock.tick_s()
        try:
            async with self._places:
                answer = await self._ask(name, kind)
        except _NoKnowledgeError as trouble:
            is_down = self._knew_at_s <= asked_at_s and not await self.is_up()
            failure = f"no answer from the DNS about {kind.name} of {_text(name)}: {trouble}"
            if not is_down:  # RFC 9520, 3.2: no failed question is repeated at once
                self._failures.keep((name, kind), failure, LEAST_TTL_S)
            raise DnsError(failure, is_resolver_down=is_down) from trouble
        return answer, answer.ttl_s

    async def _ask(self, name: dns.name.Name, kind: RdataType) -> DnsAnswer[dns.rdata.Rdata]:
        """One question, with the rest of a CNAME chain that the nameserver left to us."""
        target, is_secure, ttl_s = name, True, MOST_TTL_S
        for _ in range(_MOST_HOPS):
            found = await self._ask_servers(target, kind)
            is_secure = is_secure and found.is_secure
            ttl_s = min(ttl_s, found.ttl_s)
            if not found.goes_on:
                self._knew_at_s, self._known = self._clock.tick_s(), name
                return DnsAnswer(
                    found.status, found.records, ttl_s, is_secure, _text(found.canonical)
                )
            target = found.canonical
        raise _NoKnowledgeError("its aliases (CNAME) lead nowhere")

    async def _ask_servers(self, name: dns.name.Name, kind: RdataType) -> _Found:
        """What the first nameserver that knows says; "no such name" needs a second."""
        denied = False
        trouble = ""
        servers = list(self._servers)
        for server in servers if len(servers) > 1 else servers * 2:
            try:
                found = _read(await self._exchange(server, name, kind))
            except (dns.exception.DNSException, OSError, EOFError, _NoKnowledgeError) as error:
                trouble = f"{server}: {str(error) or type(error).__name__}"
                self._ask_last(server)
                continue
            if found.status is not Status.NO_NAME or denied or kind not in _TAKEN_BY_TWO:
                return found
            denied = True
        if denied:
            raise _NoKnowledgeError(
                f"only one nameserver says that there is no such name ({trouble})"
            )
        raise _NoKnowledgeError(trouble)

    async def _exchange(
        self, server: Nameserver, name: dns.name.Name, kind: RdataType
    ) -> dns.message.Message:
        """UDP, and TCP where the answer does not fit."""
        if self._pace:
            await self._pace.turn(str(server))
        async with self._sockets.one_for(server.address, is_waited_for=self._places.locked) as used:
            reply = await ask_by_udp(used, server.address, server.port, name, kind, self._timeout_s)
        if not reply.flags & dns.flags.TC:
            return reply
        query = dns.message.make_query(
            name, kind, use_edns=0, payload=PAYLOAD, flags=dns.flags.RD | dns.flags.AD
        )
        return await dns.asyncquery.tcp(query, server.address, self._timeout_s, server.port)

    def _ask_last(self, server: Nameserver) -> None:
        """A nameserver that fails must not delay every question."""
        if len(self._servers) > 1:
            self._servers.remove(server)
            self._servers.append(server)


class _NoKnowledgeError(Exception):
    """This nameserver does not know; another may."""


class _Found(NamedTuple):
    status: Status
    records: tuple[dns.rdata.Rdata, ...]
    ttl_s: float
    is_secure: bool
    canonical: dns.name.Name
    goes_on: bool  # the canonical name is yet to be asked for


def _read(reply: dns.message.Message) -> _Found:
    """What a reply says.  _NoKnowledgeError for every code but NOERROR and NXDOMAIN."""
    code = reply.rcode()
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise _NoKnowledgeError(dns.rcode.to_text(code))
    assert isinstance(reply, dns.message.QueryMessage)
    chain = reply.resolve_chaining()
    is_secure = bool(reply.flags & dns.flags.AD)
    if chain.answer is not None:
        ttl_s = min(max(float(chain.minimum_ttl), LEAST_TTL_S), MOST_TTL_S)
        records = tuple(chain.answer)
        return _Found(Status.FOUND, records, ttl_s, is_secure, chain.canonical_name, False)
    has_soa = any(rrset.rdtype is RdataType.SOA for rrset in reply.authority)
    goes_on = code == dns.rcode.NOERROR and bool(chain.cnames) and not has_soa
    if code == dns.rcode.NOERROR and reply.authority and not has_soa and not goes_on:
        raise _NoKnowledgeError("it refers us to other nameservers")
    status = Status.NO_NAME if code == dns.rcode.NXDOMAIN else Status.NO_DATA
    ttl_s = min(max(float(chain.minimum_ttl), LEAST_TTL_S), MOST_DENIAL_S)
    return _Found(status, (), ttl_s, is_secure, chain.canonical_name, goes_on)


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
