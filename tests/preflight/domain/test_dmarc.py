"""DMARC by RFC 9989: the walk to the top, the policy in force, what belongs together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from campaign.preflight.domain.dmarc import (
    Discovery,
    are_aligned,
    discover,
    organisation_of,
    read_tags,
    steps_up,
)
from campaign.routing.answers import DnsError
from campaign.routing.resolver import Resolver
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, Fault, dns_server

Result = TypeVar("Result")


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


def ask(server: DnsServer, question: Callable[[Resolver], Coroutine[Any, Any, Result]]) -> Result:
    async def run() -> Result:
        return await question(Resolver([server.address], clock=FakeClock(), timeout_s=0.3))

    return asyncio.run(run())


def publish(server: DnsServer, domain: str, *texts: str) -> None:
    server.add(f"_dmarc.{domain}", "TXT", *(f'"{text}"' for text in texts))


def found_for(server: DnsServer, domain: str) -> Discovery:
    return ask(server, lambda resolver: discover(resolver, domain))


def asked(server: DnsServer) -> list[str]:
    return [name for name, kind in server.asked if kind == "TXT"]


# records by domain; domain of From; organisation, where the record stands, policy, applied
DISCOVERED: list[tuple[dict[str, tuple[str, ...]], str, tuple[str, str, str, str]]] = [
    # one record at the domain itself
    (
        {"example.test": ("v=DMARC1; p=reject",)},
        "example.test",
        ("example.test", "example.test", "reject", "reject"),
    ),
    # the record of the organisation holds below it
    (
        {"example.test": ("v=DMARC1; p=reject",)},
        "mail.example.test",
        ("example.test", "example.test", "reject", "reject"),
    ),
    ({}, "example.test", ("example.test", "", "", "")),
    # several records are none (4.10, step 2)
    (
        {"example.test": ("v=DMARC1; p=reject", "v=DMARC1; p=none")},
        "example.test",
        ("example.test", "", "", ""),
    ),
    # ... and the walk goes on above them
    (
        {
            "mail.example.test": ("v=DMARC1; p=reject", "v=DMARC1; p=none"),
            "example.test": ("v=DMARC1; p=none; sp=quarantine",),
        },
        "mail.example.test",
        ("example.test", "example.test", "quarantine", "quarantine"),
    ),
    # texts that are no DMARC records are let be
    (
        {"mail.example.test": ("hello", "world"), "example.test": ("v=DMARC1; p=quarantine",)},
        "mail.example.test",
        ("example.test", "example.test", "quarantine", "quarantine"),
    ),
    (
        {"example.test": ("hello", "v=DMARC1; p=quarantine")},
        "example.test",
        ("example.test", "example.test", "quarantine", "quarantine"),
    ),
    # pct, rf and ri mean nothing any more
    (
        {"example.test": ("v=DMARC1; p=reject; pct=0; ri=1; rf=afrf",)},
        "example.test",
        ("example.test", "example.test", "reject", "reject"),
    ),
    # psd=n ends the walk: this is an organisation
    (
        {"b.example.test": ("v=DMARC1; p=reject; psd=n",), "example.test": ("v=DMARC1; p=none",)},
        "a.b.example.test",
        ("b.example.test", "b.example.test", "reject", "reject"),
    ),
    (
        {"b.example.test": ("v=DMARC1; p=reject; psd=n",), "example.test": ("v=DMARC1; p=none",)},
        "b.example.test",
        ("b.example.test", "b.example.test", "reject", "reject"),
    ),
    # psd=y: the organisation is one label below
    (
        {
            "bank.test": ("v=DMARC1; p=reject; psd=y",),
            "giant.bank.test": ("v=DMARC1; p=quarantine",),
        },
        "giant.bank.test",
        ("giant.bank.test", "giant.bank.test", "quarantine", "quarantine"),
    ),
    (
        {"bank.test": ("v=DMARC1; p=reject; sp=quarantine; psd=y",)},
        "mail.giant.bank.test",
        ("giant.bank.test", "bank.test", "quarantine", "quarantine"),
    ),
    # a public suffix that sends mail itself is its own organisation
    (
        {"bank.test": ("v=DMARC1; p=reject; sp=none; psd=y",)},
        "bank.test",
        ("bank.test", "bank.test", "reject", "reject"),
    ),
    # of several records on the way the highest counts, unless one is at the domain itself
    (
        {"b.example.test": ("v=DMARC1; p=none",), "example.test": ("v=DMARC1; p=reject",)},
        "a.b.example.test",
        ("example.test", "example.test", "reject", "reject"),
    ),
    (
        {"a.example.test": ("v=DMARC1; p=none",), "example.test": ("v=DMARC1; p=reject",)},
        "a.example.test",
        ("example.test", "a.example.test", "none", "none"),
    ),
    # a record only at the domain: it is its own organisation
    (
        {"mail.example.test": ("v=DMARC1; p=reject",)},
        "mail.example.test",
        ("mail.example.test", "mail.example.test", "reject", "reject"),
    ),
    # t=y asks for one step less
    (
        {"example.test": ("v=DMARC1; p=reject; t=y",)},
        "example.test",
        ("example.test", "example.test", "reject", "quarantine"),
    ),
    (
        {"example.test": ("v=DMARC1; p=quarantine; t=Y",)},
        "example.test",
        ("example.test", "example.test", "quarantine", "none"),
    ),
    (
        {"example.test": ("v=DMARC1; p=reject; t=n",)},
        "example.test",
        ("example.test", "example.test", "reject", "reject"),
    ),
    (
        {"example.test": ("v=DMARC1; p=reject; t=yes",)},
        "example.test",
        ("example.test", "example.test", "reject", "reject"),
    ),
    # no p, or one that means nothing: none where reports are asked for, else no DMARC at all
    (
        {"example.test": ("v=DMARC1; rua=mailto:d@example.test",)},
        "example.test",
        ("example.test", "example.test", "none", "none"),
    ),
    (
        {"example.test": ("v=DMARC1; adkim=s",)},
        "example.test",
        ("example.test", "example.test", "", ""),
    ),
    (
        {"example.test": ("v=DMARC1; p=block; rua=mailto:d@example.test!10m",)},
        "example.test",
        ("example.test", "example.test", "none", "none"),
    ),
    (
        {"example.test": ("v=DMARC1; p=reject; sp=bounce; rua=mailto:d@example.test",)},
        "example.test",
        ("example.test", "example.test", "none", "none"),
    ),
    (
        {"example.test": ("v=DMARC1; p=reject; np=; rua=mailto:d@example.test",)},
        "sub.example.test",
        ("example.test", "example.test", "none", "none"),
    ),
    (
        {"example.test": ("v=DMARC1; p=reject; sp=nope; rua=mailto:",)},
        "example.test",
        ("example.test", "example.test", "", ""),
    ),
    (
        {"mail.example.test": ("v=DMARC1; adkim=s",), "example.test": ("v=DMARC1; p=reject",)},
        "mail.example.test",
        ("example.test", "mail.example.test", "", ""),
    ),
    # how a record may be written
    ({"example.test": ("v=dmarc1; p=reject",)}, "example.test", ("example.test", "", "", "")),
    ({"example.test": ("v=DMARC1x; p=reject",)}, "example.test", ("example.test", "", "", "")),
    ({"example.test": ("p=reject; v=DMARC1",)}, "example.test", ("example.test", "", "", "")),
    (
        {"example.test": ("v = DMARC1 ; P = Reject ;; made-up=1 ; nothing",)},
        "Example.Test.",
        ("example.test", "example.test", "reject", "reject"),
    ),
]


@pytest.mark.parametrize(("records", "domain", "expected"), DISCOVERED)
def test_the_policy_in_force_is_found_as_rfc_9989_says(
    server: DnsServer,
    records: dict[str, tuple[str, ...]],
    domain: str,
    expected: tuple[str, str, str, str],
) -> None:
    for name, texts in records.items():
        publish(server, name, *texts)
    found = found_for(server, domain)
    at = found.record.domain if found.record else ""
    assert (found.organisation, at, found.policy, found.applied) == expected


@pytest.mark.parametrize(
    ("record", "exists", "policy"),
    [
        ("p=reject; sp=none; np=quarantine", False, "quarantine"),
        ("p=reject; sp=none; np=quarantine", True, "none"),
        ("p=reject; sp=none", False, "none"),
        ("p=quarantine; np=reject", True, "quarantine"),
        ("p=quarantine; np=reject", False, "reject"),
        ("p=quarantine", False, "quarantine"),
    ],
)
def test_np_is_for_names_that_do_not_exist(
    server: DnsServer, record: str, exists: bool, policy: str
) -> None:
    publish(server, "example.test", f"v=DMARC1; {record}")
    if exists:
        server.add("sub.example.test", "MX", "1 mx.test.")
    assert found_for(server, "sub.example.test").policy == policy


def test_np_asks_nothing_about_the_organisation_itself(server: DnsServer) -> None:
    publish(server, "example.test", "v=DMARC1; p=reject; np=none")
    assert found_for(server, "example.test").policy == "reject"
    assert {kind for _, kind in server.asked} == {"TXT"}


def test_a_long_name_takes_eight_questions(server: DnsServer) -> None:
    publish(server, "example.test", "v=DMARC1; p=none")
    found_for(server, "a.b.c.d.e.f.g.h.i.j.k.example.test")
    assert asked(server)[:3] == [
        "_dmarc.a.b.c.d.e.f.g.h.i.j.k.example.test",
        "_dmarc.g.h.i.j.k.example.test",
        "_dmarc.h.i.j.k.example.test",
    ]
    assert asked(server)[-1] == "_dmarc.test"
    assert len(asked(server)) == 8


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("a.b.c.d.e.f.example.test", "b.c.d.e.f.example.test"),
        ("x.a.b.c.d.e.f.example.test", "b.c.d.e.f.example.test"),
    ],
)
def test_names_of_eight_labels_and_more_go_on_with_seven(name: str, second: str) -> None:
    steps = steps_up(name)
    assert steps[1] == second
    assert len(steps) == 8


def test_names_that_cannot_exist_are_not_asked() -> None:
    assert steps_up(f"{'a' * 64}.example.test") == ["example.test", "test"]


def test_the_walk_ends_at_a_psd_tag(server: DnsServer) -> None:
    publish(server, "mail.example.test", "v=DMARC1; p=reject; psd=n")
    found_for(server, "mail.example.test")
    assert asked(server) == ["_dmarc.mail.example.test"]


@pytest.mark.parametrize(
    ("author", "other", "is_strict", "expected"),
    [
        ("example.test", "example.test", True, True),
        ("example.test", "EXAMPLE.test.", True, True),
        ("mail.example.test", "example.test", True, False),
        ("mail.example.test", "example.test", False, True),
        ("example.test", "signing.example.test", False, True),
        ("a.b.c.d.e.f.g.h.example.test", "signing.example.test", False, True),
        ("mail.giant.bank.test", "giant.bank.test", False, True),
        ("giant.bank.test", "mega.bank.test", False, False),
        ("giant.bank.test", "bank.test", False, False),
        ("bank.test", "mail.bank.test", False, False),
        ("apart.example.test", "example.test", False, False),
        ("alone.nowhere.test", "nowhere.test", False, False),
        ("example.test", "example.org", False, False),
        ("example.test", "notexample.test", False, False),
    ],
)
def test_two_domains_are_aligned_when_they_have_one_organisation(
    server: DnsServer, author: str, other: str, is_strict: bool, expected: bool
) -> None:
    publish(server, "example.test", "v=DMARC1; p=reject")
    publish(server, "signing.example.test", "v=DMARC1; p=reject")
    publish(server, "apart.example.test", "v=DMARC1; p=reject; psd=n")
    publish(server, "bank.test", "v=DMARC1; p=reject; psd=y")
    publish(server, "giant.bank.test", "v=DMARC1; p=quarantine")
    answer = ask(server, lambda resolver: are_aligned(resolver, author, other, is_strict=is_strict))
    assert answer is expected


def test_a_foreign_domain_is_not_walked(server: DnsServer) -> None:
    publish(server, "example.test", "v=DMARC1; p=reject")
    ask(
        server,
        lambda resolver: are_aligned(resolver, "example.test", "esp.example.net", is_strict=False),
    )
    assert asked(server) == ["_dmarc.example.test", "_dmarc.test"]


def test_one_organisation_asks_each_name_once(server: DnsServer) -> None:
    publish(server, "example.test", "v=DMARC1; p=reject")

    async def both(resolver: Resolver) -> str:
        await discover(resolver, "mail.example.test")
        return await organisation_of(resolver, "mail.example.test")

    assert ask(server, both) == "example.test"
    assert len(asked(server)) == len(set(asked(server)))


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.SILENCE])
def test_a_question_without_an_answer_is_no_knowledge(server: DnsServer, fault: Fault) -> None:
    publish(server, "example.test", "v=DMARC1; p=reject")
    server.fail("_dmarc.mail.example.test", "TXT", fault)
    with pytest.raises(DnsError):
        found_for(server, "mail.example.test")


def test_what_can_be_said_of_a_record_is_read_from_it(server: DnsServer) -> None:
    publish(
        server,
        "example.test",
        "v=DMARC1; p=none; pct=50; adkim=S; rua=mailto:Reports@Example.Test, ftp://no",
    )
    record = found_for(server, "example.test").record
    assert record is not None
    assert record.historic == ("pct",)
    assert record.is_strict("adkim")
    assert not record.is_strict("aspf")
    assert record.reports == ("mailto:Reports@Example.Test",)


def test_a_record_in_several_strings_is_one(server: DnsServer) -> None:
    server.add("_dmarc.example.test", "TXT", '"v=DMARC1; p=re" "ject"')
    assert found_for(server, "example.test").policy == "reject"


def test_the_first_of_two_equal_tags_counts() -> None:
    assert read_tags("v=DMARC1; p=none; p=reject") == {"p": "none"}
