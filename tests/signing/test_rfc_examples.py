"""The examples of RFC 6376 and RFC 8463, by our parts."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from campaign.signing.keys import SigningKey, read_key
from campaign.signing.relaxed import fields_of, relaxed_body, relaxed_field, relaxed_value

# RFC 8463, A.1
ED25519_SECRET = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
RSA_SECRET = """-----BEGIN RSA PRIVATE KEY-----
MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi
Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM
KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB
AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm
6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe
zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy
6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc
uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy
WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd
WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a
licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst
o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe
uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL
-----END RSA PRIVATE KEY-----
"""
# RFC 8463, A.2
ED25519_PUBLIC = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
# RFC 8463, A.3, each without the value of b=
ED25519_FIELD = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=
"""
ED25519_SIGNATURE = (
    "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
)
RSA_FIELD = b"""DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=
"""
RSA_SIGNATURE = (
    "F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tF"
    "OeS9mPYQTnGdaSGsgeefOsk2JzdA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8="
)
# Ibidem, the letter, whose text is that of RFC 6376, A.1.
HEAD = b"""From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>
"""
BODY = b"""Hi.

We lost the game.  Are you hungry yet?

Joe.

"""
BODY_HASH = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="


def wire(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")


def test_the_relaxed_forms_are_those_of_rfc_6376_section_3_4_5() -> None:
    names, values = fields_of(b"A: X\r\nB : Y\t\r\n\tZ  \r\n")
    fields = map(relaxed_field, names, values)
    assert b"".join(fields) == b"a:X\r\nb:Y Z\r\n"
    assert relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n") == b" C\r\nD E\r\n"


def test_an_empty_body_has_the_hash_of_rfc_6376_section_3_4_4() -> None:
    empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    for body in (b"", b"\r\n", b"\r\n\r\n", b" \r\n\t\r\n", b" "):
        assert b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode() == empty, body


def test_the_body_of_rfc_8463_has_the_hash_printed_there() -> None:
    digest = hashlib.sha256(relaxed_body(wire(BODY))).digest()
    assert b64encode(digest).decode() == BODY_HASH


@pytest.mark.parametrize(
    ("key", "field", "signature"),
    [
        (read_key(RSA_SECRET), RSA_FIELD, RSA_SIGNATURE),
        (
            SigningKey(Ed25519PrivateKey.from_private_bytes(b64decode(ED25519_SECRET))),
            ED25519_FIELD,
            ED25519_SIGNATURE,
        ),
    ],
    ids=["rsa-sha256", "ed25519-sha256"],
)
def test_the_keys_of_rfc_8463_sign_its_letter_as_printed_there(
    key: SigningKey, field: bytes, signature: str
) -> None:
    names, values = fields_of(wire(HEAD))
    # It names From, Subject and Date once more than they are there.
    signed = b"".join(relaxed_field(*one) for one in zip(names, values, strict=True))
    _, (value,) = fields_of(wire(field))
    data = signed + b"dkim-signature:" + relaxed_value(value)
    assert b64encode(key.sign(data)).decode() == signature
    assert key.has_signed(b64decode(signature), data)
    assert not key.has_signed(b64decode(signature), data + b" ")


def test_the_public_key_is_written_as_in_rfc_8463() -> None:
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(b64decode(ED25519_SECRET)))
    assert key.public == ED25519_PUBLIC
    assert read_key(RSA_SECRET).public.startswith(
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTz"
    )
