"""Who asks: the bearer keys of the API.

In: [serve] api_keys, the Authorization field of a request.  Out: `ApiCredential`.
Touches: secrets, once.  Fails with ConfigError for a key that is not there or could be guessed.

What is compared are digests, of every key and to the end, so the time it takes tells nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from campaign.config.checks import WEAK_BYTES
from campaign.config.secrets import read_secret
from campaign.config.settings import ApiKey, Settings
from campaign.errors import ConfigError

_SHOWN = 12  # hex digits of a digest that stand for a key without a label


class ApiCredential(NamedTuple):
    """An application that may ask for letters.

    name: its label; Idempotency-Keys belong to it
    templates: the only ones it may ask for; empty: all
    """

    name: str
    templates: tuple[str, ...]

    def may_see(self, template: str) -> bool:
        return not self.templates or template in self.templates


class Keys:
    """All that are valid."""

    def __init__(self, entries: Sequence[tuple[bytes, ApiCredential]]) -> None:
        self._entries = entries

    @classmethod
    def of(cls, settings: Settings, folder: Path) -> Keys:
        """Raises ConfigError where there is none, or one is too short or names no template."""
        if not settings.serve.api_keys:
            raise ConfigError(
                "the API has no keys, so nobody could use it",
                remedy='add api_keys = [{ env = "CAMPAIGN_API_KEY" }] to [serve]',
            )
        return cls([_entry(each, settings, folder) for each in settings.serve.api_keys])

    def credential(self, authorization: str) -> ApiCredential | None:
        """Of "Bearer KEY"; None for anything else."""
        scheme, _, key = authorization.partition(" ")
        digest = _digest(key.strip())
        found = None
        for known, credential in self._entries:
            if hmac.compare_digest(known, digest):
                found = credential
        return found if scheme.lower() == "bearer" else None


def _entry(entry: ApiKey, settings: Settings, folder: Path) -> tuple[bytes, ApiCredential]:
    key = read_secret(entry, folder)
    if len(key.encode()) < WEAK_BYTES:
        raise ConfigError(
            "a key in [serve] api_keys is so short that it could be guessed",
            remedy=f"take at least {WEAK_BYTES} characters, for example from: openssl rand -hex 32",
        )
    for name in entry.templates:
        if name not in settings.template:
            raise ConfigError(
                f"a key in [serve] api_keys may ask for '{name}', and there is no such template",
                remedy=f"there are {', '.join(sorted(settings.template))}",
            )
    digest = _digest(key)
    return digest, ApiCredential(entry.label or digest.hex()[:_SHOWN], entry.templates)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
