"""Keys that sign, and those that may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from campaign.errors import ConfigError
from campaign.signing.keys import SigningKey, new_ed25519, new_rsa, read_key
from fakes.mail.dkim_keys import ed25519_key, rsa_key


@pytest.mark.parametrize("make", [rsa_key, ed25519_key])
def test_a_key_is_read_back_from_its_pem(make: Callable[[], SigningKey]) -> None:
    key = make()
    again = read_key(key.pem)
    assert (again.kind, again.public, again.pem) == (key.kind, key.public, key.pem)
    assert again.has_signed(key.sign(b"data"), b"data")


@pytest.mark.parametrize("bits", [1024, 1536, 2048, 3072])
def test_short_rsa_keys_sign_with_a_warning(bits: int) -> None:
    warning = read_key(rsa_key(bits).pem).warning
    assert bool(warning) == (bits < 2048)
    assert not warning or str(bits) in warning


# 512 bits, made by `openssl genrsa -traditional 512`: cryptography makes none under 1024.
_TINY = """-----BEGIN RSA PRIVATE KEY-----
MIIBOgIBAAJBAKq3NCDwVATDEuOnRZVBKy7t40Aqda7BrlXNhilua6BFUK93qODr
9F5SR7nCGBROa5/WOHiRdlIPQeeLW3p4bz0CAwEAAQJAalVkxeOMIc80E9Lb16TY
9gk81HneBXUkVtOGboYVyaR+p3KiNv38AoVWDuuEymOmF3M1eIS3SxJa/RMv0m9/
oQIhANXRnxrl1ltHxj5BdPxEi4TonNZ8zsnQwpTDmFzWvsVpAiEAzGTDtGhEIYKn
zXb2OMqvY2T7DY+nqIlkRL1cyrc4fLUCIQC+4uF0FfSEkVM+iRlzjY4xHanHIq1K
JwFP5j7Dw0OU4QIgGuMCb3/rvnC+fCOy/gODkNKex8jm6B+ypew3AZ+aeaUCIG8r
bpaG7WLC8ZYQBJp/4sLYqLf4bQ8Q0DfMNDkbhfFQ
-----END RSA PRIVATE KEY-----
"""


def test_an_rsa_key_that_no_receiver_takes_is_refused() -> None:
    with pytest.raises(ConfigError, match="under 1024") as refused:
        read_key(_TINY)
    assert refused.value.exit_code == 78


def locked() -> str:
    private = rsa.generate_private_key(65537, 2048)
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    ).decode()


def elliptic() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: "", "not a private key"),
        (lambda: "hello", "not a private key"),
        (lambda: rsa_key().public, "not a private key"),
        (locked, "locked with a password"),
        (elliptic, "neither RSA nor Ed25519"),
    ],
    ids=["nothing", "text", "public", "locked", "elliptic"],
)
def test_what_cannot_sign_is_refused(make: Callable[[], str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_key(make())


def test_new_keys_are_new() -> None:
    assert new_ed25519().public != new_ed25519().public
    assert new_rsa(2048).public != rsa_key().public
