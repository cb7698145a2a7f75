"""Who may ask for letters: the keys of [serve] api_keys.

In: a campaign.  Out: `Credential`s.  Touches: the places of the secrets.
Fails with ConfigError for a key that is not there, or is easily guessed.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple

from campaign.config.checks import WEAK_BYTES
from campaign.config.loader import Campaign
from campaign.config.secrets import read_secret
from campaign.errors import ConfigError


class Credential(NamedTuple):
    """An application.

    label: its name; keys with the same one are one application
    templates: the only ones it may ask for; empty: all, and finished messages
    """

    label: str
    templates: tuple[str, ...]


class Credentials:
    """The keys of a campaign; of a key only its digest is kept."""

    def __init__(self, keys: dict[bytes, Credential]) -> None:
        self._keys = keys

    @classmethod
    def of(cls, campaign: Campaign) -> Credentials:
        """Raises ConfigError, also where there is no key at all."""
        keys: dict[bytes, Credential] = {}
        for key in campaign.settings.serve.api_keys:
            secret = read_secret(key, campaign.folder)
            if len(secret.encode()) < WEAK_BYTES:
                raise ConfigError(
                    f"api_keys: a key has {len(secret.encode())} bytes, and who guesses it can send"
                    " in your name",
                    file=str(campaign.file),
                    remedy=f"take at least {WEAK_BYTES}, for example from: openssl rand -hex 32",
                )
            digest = _digest(secret)
            keys[digest] = Credential(key.label or digest.hex()[:16], key.templates)
        if not keys:
            raise ConfigError(
                "there is no key with which an application may ask for letters",
                file=str(campaign.file),
                remedy='add api_keys = [{ env = "CAMPAIGN_API_KEY", label = "shop" }] to [serve]',
            )
        return cls(keys)

    def of_secret(self, secret: str) -> Credential | None:
        """Whose key it is; takes as long for a wrong one as for a right one."""
        given = _digest(secret)
        found = None
        for digest, credential in self._keys.items():
            if hmac.compare_digest(digest, given):
                found = credential
        return found


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
