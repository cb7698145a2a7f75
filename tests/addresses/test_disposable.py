"""addresses.disposable and addresses.roles: what is said of a domain, and of a local part."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.addresses.disposable import RELAYS, Disposables, installed, none_installed
from campaign.addresses.roles import RFC_2142, is_role

LISTED = installed()
REAL_PROVIDERS = (Path(__file__).parent / "providers.txt").read_text().split()


@pytest.mark.parametrize("domain", ["mailinator.com", "x.mailinator.com", "guerrillamail.com"])
def test_a_disposable_domain_is_known_and_so_is_one_below_it(domain: str) -> None:
    assert domain in LISTED


def test_none_of_300_real_providers_is_called_disposable() -> None:
    assert len(set(REAL_PROVIDERS)) >= 300
    assert [domain for domain in REAL_PROVIDERS if domain in LISTED] == []


def test_a_service_that_forwards_is_never_disposable_whatever_a_list_says() -> None:
    everything = Disposables(frozenset({*RELAYS, "gmail.com", "yahoo.com.sg"}), "a bad list")
    for domain in (*RELAYS, "me.anonaddy.com", "gmail.com", "yahoo.com.sg"):
        assert domain not in everything


def test_what_the_user_allows_wins() -> None:
    assert "mailinator.com" not in installed(["Mailinator.com"])
    assert "mailinator.com" not in none_installed()


def test_the_list_says_its_version() -> None:
    assert LISTED.title.startswith("disposable-email-domains 0.0.")


@pytest.mark.parametrize("local", sorted(RFC_2142))
def test_the_names_of_rfc_2142_are_roles(local: str) -> None:
    assert is_role(local.upper())
    assert is_role(f"{local}+eu")


@pytest.mark.parametrize("local", ["ada", "information", "salesman", "newsom", "ada+sales"])
def test_a_person_is_no_role(local: str) -> None:
    assert not is_role(local)
