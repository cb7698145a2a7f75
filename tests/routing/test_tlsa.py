"""DANE: TLSA records are asked for where DNSSEC holds, and match what they mean (RFC 7672)."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign.routing.answers import DnsError, TlsaRecord
from campaign.routing.destinations import TlsNeed
from campaign.routing.mx import find_addresses
from campaign.routing.resolver import Resolver
from campaign.routing.tls.certificates import public_key, read_certificate
from campaign.routing.tls.tlsa import find_need, is_usable, matches
from fakes.certificates import Authority
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, Fault, dns_server

HOST = "mx.example.test"
DIGEST = hashlib.sha256(b"a key").digest()


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


def need_of(server: DnsServer, host: str = HOST) -> TlsNeed:
    async def ask() -> TlsNeed:
        resolver = Resolver([server.address], clock=FakeClock())
        return await find_need(resolver, host, await find_addresses(resolver, host))

    return asyncio.run(ask())


def add_tlsa(server: DnsServer, *values: str, host: str = HOST, secure: bool = True) -> None:
    server.add(f"_25._tcp.{host}", "TLSA", *values, secure=secure)


def test_a_validated_host_with_tlsa_records_needs_a_match(server: DnsServer) -> None:
    server.add(HOST, "A", "1.2.3.4", secure=True)
    add_tlsa(server, f"3 1 1 {DIGEST.hex()}")
    assert need_of(server) == TlsNeed(True, False, (TlsaRecord(3, 1, 1, DIGEST),))


def test_an_unvalidated_host_is_not_asked_for_tlsa(server: DnsServer) -> None:
    server.add(HOST, "A", "1.2.3.4")
    add_tlsa(server, f"3 1 1 {DIGEST.hex()}")
    assert need_of(server) == TlsNeed()
    assert not [name for name, kind in server.asked if kind == "TLSA"]


def test_unvalidated_tlsa_records_mean_nothing(server: DnsServer) -> None:
    server.add(HOST, "A", "1.2.3.4", secure=True)
    add_tlsa(server, f"3 1 1 {DIGEST.hex()}", secure=False)
    assert need_of(server) == TlsNeed()


def test_records_that_say_nothing_usable_still_need_tls(server: DnsServer) -> None:
    server.add(HOST, "A", "1.2.3.4", secure=True)
    add_tlsa(server, f"1 1 1 {DIGEST.hex()}", f"3 1 9 {DIGEST.hex()}")
    assert need_of(server) == TlsNeed(is_required=True)


def test_a_validated_host_whose_tlsa_cannot_be_had_is_not_used(server: DnsServer) -> None:
    server.add(HOST, "A", "1.2.3.4", secure=True)
    server.fail(f"_25._tcp.{HOST}", "TLSA", Fault.SERVFAIL)
    with pytest.raises(DnsError):
        need_of(server)


def test_tlsa_stands_at_the_name_an_alias_leads_to(server: DnsServer) -> None:
    server.add(HOST, "CNAME", "real.example.test.", secure=True)
    server.add("real.example.test", "A", "1.2.3.4", secure=True)
    add_tlsa(server, f"3 1 1 {DIGEST.hex()}", host="real.example.test")
    assert need_of(server).tlsa


@pytest.mark.parametrize(
    ("record", "usable"),
    [
        (TlsaRecord(3, 1, 1, bytes(32)), True),
        (TlsaRecord(2, 0, 2, bytes(64)), True),
        (TlsaRecord(3, 0, 0, b"a whole certificate"), True),
        (TlsaRecord(0, 1, 1, bytes(32)), False),
        (TlsaRecord(3, 2, 1, bytes(32)), False),
        (TlsaRecord(3, 1, 3, bytes(32)), False),
        (TlsaRecord(3, 1, 1, bytes(31)), False),
        (TlsaRecord(3, 1, 0, b""), False),
    ],
)
def test_a_record_is_usable_when_we_can_check_what_it_says(
    record: TlsaRecord, usable: bool
) -> None:
    assert is_usable(record) is usable


@pytest.fixture
def chain(tmp_path: Path) -> list[bytes]:
    authority = Authority(tmp_path)
    files = (authority.issue(HOST).cert, authority.ca_file)
    return [ssl.PEM_cert_to_DER_cert(Path(file).read_text()) for file in files]


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("usage", [2, 3])
def test_a_record_matches_the_certificate_it_was_made_from(
    chain: list[bytes], usage: int, selector: int, matching: int
) -> None:
    meant = chain[0] if usage == 3 else chain[1]
    data = public_key(meant) if selector else meant
    for digest, kind in ((hashlib.sha256, 1), (hashlib.sha512, 2)):
        if kind == matching:
            data = digest(data).digest()
    record = TlsaRecord(usage, selector, matching, data)
    assert matches([TlsaRecord(3, 1, 1, bytes(32)), record], chain, HOST)


def test_an_issuer_does_not_vouch_for_another_host(chain: list[bytes]) -> None:
    record = TlsaRecord(2, 1, 1, hashlib.sha256(public_key(chain[1])).digest())
    assert not matches([record], chain, "other.example.test")


def test_an_issuer_put_behind_a_foreign_certificate_vouches_for_nothing(
    chain: list[bytes], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    foreign = Path(Authority(tmp_path / "other").issue(HOST).cert).read_text()
    record = TlsaRecord(2, 1, 1, hashlib.sha256(public_key(chain[1])).digest())
    assert not matches([record], [ssl.PEM_cert_to_DER_cert(foreign), chain[1]], HOST)


def test_no_chain_matches_nothing() -> None:
    assert not matches([TlsaRecord(3, 1, 1, bytes(32))], [], HOST)


def test_a_certificate_is_read_for_a_person(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue(HOST, "127.0.0.1", days=10)
    der = ssl.PEM_cert_to_DER_cert(Path(pair.cert).read_text())
    found = read_certificate(der)
    assert (found.subject, found.issuer) == (HOST, "Test authority")
    assert found.names == (HOST, "127.0.0.1")
    assert found.key == "EC secp256r1"
    assert found.begins_s < found.ends_s
    assert found.key_sha256 == hashlib.sha256(public_key(der)).hexdigest()
    assert found.sha256 == hashlib.sha256(der).hexdigest()


def test_what_is_no_certificate_is_said_so() -> None:
    with pytest.raises(ValueError, match="asn1"):
        read_certificate(b"hello")
