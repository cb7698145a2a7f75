"""addresses.typos: slips are seen, real providers are left alone."""

from __future__ import annotations

import pytest

from campaign.addresses.typos import _PROVIDERS, _REAL, likely_typo


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gamil.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("hotmal.com", "hotmail.com"),
        ("yaho.com", "yahoo.com"),
        ("outlok.com", "outlook.com"),
        ("iclod.com", "icloud.com"),
        ("foxmial.com", "foxmail.com"),
        ("example.con", "example.com"),
    ],
)
def test_a_slip_in_a_large_provider_is_seen(typed: str, meant: str) -> None:
    assert likely_typo(typed) == meant


@pytest.mark.parametrize("domain", sorted({*_PROVIDERS, *_REAL}))
def test_no_known_provider_is_taken_for_a_slip_of_another(domain: str) -> None:
    assert likely_typo(domain) is None


@pytest.mark.parametrize("domain", ["example.com", "example.co", "x.cm", "ibm.com", "gmail.io"])
def test_other_domains_are_left_alone(domain: str) -> None:
    assert likely_typo(domain) is None
