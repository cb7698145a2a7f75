"""Signatures of the Standard Webhooks: who told it, when, and that nobody changed it.

In: secrets as they are written, an id, a time, a body.  Out: header fields.  Touches: nothing.
Fails with ConfigError for what is not a secret.

standard-webhooks.com, "Signature scheme": HMAC-SHA256 over "id.timestamp.body".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from campaign.errors import ConfigError

PREFIX = "whsec_"
_ASYMMETRIC = ("whsk_", "whpk_")
_SHORTEST, _LONGEST = 24, 64  # bytes of a secret, as the standard has it
_MADE = 32
_REMEDY = "`campaign webhooks --new-secret` prints one"


def new_secret() -> str:
    """A secret as both sides write it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_MADE)).decode()


def read_key(text: str) -> bytes:
    """The bytes of a secret: "whsec_" and base64 of 24 to 64 bytes.  Raises ConfigError."""
    written = text.strip()
    if written.startswith(_ASYMMETRIC):
        raise ConfigError(
            "this secret is a key pair's, and webhooks are signed with a shared secret",
            remedy=_REMEDY,
        )
    if not written.startswith(PREFIX):
        raise ConfigError(f"a webhook's secret begins with {PREFIX}", remedy=_REMEDY)
    encoded = written.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        raise ConfigError(
            f"what stands behind {PREFIX} in a webhook's secret is not base64", remedy=_REMEDY
        ) from None
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise ConfigError(
            f"a webhook's secret has {len(key)} bytes, and needs {_SHORTEST} to {_LONGEST}",
            remedy=_REMEDY,
        )
    return key


def signed_fields(
    message_id: str, at_s: float, body: bytes, keys: Sequence[bytes]
) -> dict[str, str]:
    """The three header fields; one signature for each key, so that secrets can be changed.

    at_s: Unix time of this attempt, which receivers hold against their own clocks
    """
    stamp = str(int(at_s))
    signed = b".".join((message_id.encode(), stamp.encode(), body))
    made = (base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{each}" for each in made),
    }
