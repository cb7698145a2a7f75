"""Providers by MX suffix and by mailbox domain; names of sites."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.routing.answers import MxRecord
from campaign.routing.sites import (
    PROVIDERS,
    provider_named,
    provider_of_domain,
    provider_of_exchanges,
    provider_of_host,
    site_name,
)


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("gmail-smtp-in.l.google.com", "google"),
        ("aspmx.l.google.com", "google"),
        ("smtp.google.com", "google"),
        ("aspmx2.googlemail.com", "google"),
        ("outlook-com.olc.protection.outlook.com", "outlook"),
        ("contoso-com.mail.protection.outlook.com", "outlook"),
        ("contoso-com.o-v1.mx.microsoft", "outlook"),
        ("mta5.am0.yahoodns.net", "yahoo"),
        ("mx-aol.mail.gm0.yahoodns.net", "yahoo"),
        ("mx3.qq.com", "qq"),
        ("mxbiz1.qq.com", "qq"),
        ("163mx01.mxmail.netease.com", "netease"),
        ("qiye163mx01.mxmail.netease.com", "netease"),
        ("mx01.mail.icloud.com", "icloud"),
        ("mx-ha02.web.de", "gmx"),
        ("mx00.emig.gmx.net", "gmx"),
        ("mx1a1.comcast.net", "comcast"),
        ("smtp-in.orange.fr", "orange"),
        ("inbound-smtp.eu-west-1.amazonaws.com", "ses"),
        ("ASPMX.L.GOOGLE.COM.", "google"),
    ],
)
def test_a_mail_server_is_known_by_its_suffix(host: str, provider: str) -> None:
    found = provider_of_host(host)
    assert found is not None
    assert found.name == provider


@pytest.mark.parametrize("host", ["mx.example.com", "notgoogle.com", "google.com.evil.test", ""])
def test_a_name_that_only_looks_like_a_provider_is_none(host: str) -> None:
    assert provider_of_host(host) is None


@pytest.mark.parametrize(
    ("domain", "provider"),
    [
        *(("gmail.com", "google"), ("googlemail.com", "google")),
        *(("hotmail.com", "outlook"), ("outlook.fr", "outlook"), ("live.co.uk", "outlook")),
        *(("msn.com", "outlook"), ("qq.com", "qq"), ("foxmail.com", "qq")),
        *(("163.com", "netease"), ("126.com", "netease"), ("yeah.net", "netease")),
        *(("yahoo.com", "yahoo"), ("yahoo.co.uk", "yahoo"), ("aol.com", "yahoo")),
        *(("yahoo.co.jp", "yahoo-japan"), ("icloud.com", "icloud"), ("me.com", "icloud")),
        *(("mac.com", "icloud"), ("web.de", "gmx"), ("gmx.net", "gmx")),
        *(("comcast.net", "comcast"), ("orange.fr", "orange"), ("wanadoo.fr", "orange")),
    ],
)
def test_a_public_mailbox_domain_is_known_without_dns(domain: str, provider: str) -> None:
    found = provider_of_domain(domain)
    assert found is not None
    assert found.name == provider


def test_a_domain_of_somebody_is_not_known_without_dns() -> None:
    assert provider_of_domain("example.com") is None


@pytest.mark.parametrize(
    ("provider", "connections", "messages"),
    [
        *(("google", 5, 50), ("outlook", 5, 50), ("yahoo", None, 20), ("icloud", 10, 5)),
        *(("qq", 4, 8), ("netease", 4, 7), ("gmx", 4, 20), ("comcast", 25, 1000)),
    ],
)
def test_each_provider_is_begun_with_at_its_own_pace(
    provider: str, connections: int | None, messages: int
) -> None:
    found = provider_named(provider)
    assert found is not None
    assert (found.connections, found.messages_per_connection) == (connections, messages)


def test_no_suffix_and_no_domain_belongs_to_two_providers() -> None:
    for kind in ("mx", "domains"):
        names = [name for provider in PROVIDERS for name in getattr(provider, kind)]
        assert sorted(names) == sorted(set(names))


def test_a_domain_is_the_filters_that_stands_in_front_of_google() -> None:
    exchanges = [MxRecord(20, "aspmx.l.google.com"), MxRecord(10, "mx0a-0011.pphosted.com")]
    found = provider_of_exchanges(exchanges)
    assert found is not None
    assert found.name == "proofpoint"
    assert provider_of_exchanges([]) is None


@pytest.mark.parametrize(
    ("hosts", "name"),
    [
        (["mx.example.com"], "mx.example.com"),
        (["mx2.example.com", "mx1.example.com"], "(mx1|mx2).example.com"),
        (["mx.example.com", "mx.example.net"], "mx.example.com,mx.example.net"),
        (["localhost"], "localhost"),
    ],
)
def test_a_site_is_named_after_its_hosts(hosts: list[str], name: str) -> None:
    assert site_name(hosts) == name


@given(st.lists(st.integers(0, 300), min_size=1, max_size=60), st.randoms())
def test_a_site_has_one_name_whatever_the_order(numbers: list[int], random: object) -> None:
    hosts = [f"mx{number}.example.com" for number in numbers]
    shuffled = list(hosts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert site_name(shuffled) == site_name(hosts)
    assert len(site_name(hosts)) <= 120
    assert site_name([*hosts, "other.example.com"]) != site_name(hosts)
