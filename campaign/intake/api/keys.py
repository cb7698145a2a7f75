"""Who asks: the bearer keys of the API.

In: [serve] api_keys, the Authorization field of a request.  Out: `ApiCredential`.
Touches: secrets, once.  Fails with ConfigError for a key that is not there.

What is compared are digests, of every key and to the end, so the time it takes tells nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from campaign.config.secrets import read_secret
from campaign.config.settings import ApiKey, Settings

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
        """Raises ConfigError where one cannot be read; `check_api_keys` told what else is wrong."""
        return cls([_entry(each, folder) for each in settings.serve.api_keys])

    def credential(self, authorization: str) -> ApiCredential | None:
        """Of "Bearer KEY"; None for anything else."""
        scheme, _, key = authorization.partition(" ")
        digest = _digest(key.strip())
        found = None
        for known, credential in self._entries:
            if hmac.compare_digest(known, digest):
                found = credential
        return found if scheme.lower() == "bearer" else None


def _entry(entry: ApiKey, folder: Path) -> tuple[bytes, ApiCredential]:
    digest = _digest(read_secret(entry, folder))
    return digest, ApiCredential(entry.label or digest.hex()[:_SHOWN], entry.templates)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
