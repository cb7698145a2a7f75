"""addresses.typos: slips are seen, real providers are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.addresses.syntax import AddressError, parse_cell
from campaign.addresses.typos import _PROVIDERS, _REAL, likely_typo, mended_address

HERE = Path(__file__).parent
# Slips as people make them, and domains that are none ("-").
CORPUS = [
    tuple(line.split("\t"))
    for line in (HERE / "typos.tsv").read_text(encoding="utf-8").splitlines()[1:]
]
# Mail domains that exist, from the help pages of the providers and their regional services.
PROVIDERS = (HERE / "providers.txt").read_text().split()


def meant_by(domain: str) -> str:
    """What stands in the column of suggestions for an address in this domain, or "-"."""
    cell = f"ada@{domain}"
    try:
        address = parse_cell(cell)
    except AddressError:
        return (mended_address(cell) or "-").rpartition("@")[2]
    meant = likely_typo(address.domain)
    return meant or ("-" if address.spec == cell else address.domain)


def test_at_least_95_of_100_slips_are_read_as_they_were_meant() -> None:
    assert len(CORPUS) >= 106
    wrong = [(typed, meant_by(typed)) for typed, meant in CORPUS if meant_by(typed) != meant]
    assert len(wrong) <= 0.05 * len(CORPUS), wrong


def test_no_suggestion_is_made_where_none_is_due() -> None:
    assert [typed for typed, meant in CORPUS if meant == "-" and meant_by(typed) != "-"] == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gamil.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("qq.co", "qq.com"),
        ("example.con", "example.com"),
    ],
)
def test_a_slip_in_a_large_provider_is_seen(typed: str, meant: str) -> None:
    assert likely_typo(typed) == meant


@pytest.mark.parametrize("domain", sorted({*_PROVIDERS, *_REAL}))
def test_no_known_provider_is_taken_for_a_slip_of_another(domain: str) -> None:
    assert likely_typo(domain) is None


def test_none_of_300_real_mail_domains_is_called_a_slip() -> None:
    assert len(set(PROVIDERS)) >= 300
    found = [(domain, meant) for domain in PROVIDERS if (meant := likely_typo(domain))]
    assert found == []


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("ada@@gmail.com", "ada@gmail.com"),
        ("ada..king@gmail.com", "ada.king@gmail.com"),
        ("ada.@gmail.com", "ada@gmail.com"),
        ("ada @ gmail.com", "ada@gmail.com"),
        ("<ada@gmail,con>", "ada@gmail.com"),
        ("ada@gmail.com,", "ada@gmail.com"),
        ("", None),
        ("ada", None),
        ("ada@", None),
        ("@gmail.com", None),
        ("ada.gmail.com", None),
        ("ada@b@example.com", None),
        ("ada@firm", None),
    ],
)
def test_a_cell_that_is_nearly_an_address_is_mended(cell: str, meant: str | None) -> None:
    assert mended_address(cell) == meant
