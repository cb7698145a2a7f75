"""Which addresses a stranger's DNS may send us to."""

from __future__ import annotations

import pytest

from campaign.routing.guard import is_address, is_public


@pytest.mark.parametrize(
    "address",
    ["1.2.3.4", "8.8.8.8", "2a00:1450:4025:c01::1a", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.0.1", "0.0.0.0", "10.0.0.8", "172.16.0.1", "192.168.1.1"),
        *("100.64.0.1", "169.254.169.254", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fec0::1", "ff02::1"),
        *("2001:db8::1", "2001:0:53aa::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1"),
        *("2002:a00:1::1", "64:ff9b::a00:1", "64:ff9b::7f00:1"),
    ],
)
def test_private_special_and_wrapped_private_addresses_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("name", ["192.0.2.1", "::1", "[192.0.2.1]", "[2001:db8::1]"])
def test_an_address_is_told_from_a_name(name: str) -> None:
    assert is_address(name)
    assert not is_address("mx1.example.com")
