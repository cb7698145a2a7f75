"""What only servers read: keys of applications, secrets of tokens and of providers, languages.

In: settings and the campaign's folder.  Out: `Mistake`s.
Touches: secrets, each once, which are then forgotten; whether a folder is there.

A run does without them, so `load` looks for them only where a server is about to begin.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from campaign.config import positions
from campaign.config.checking.checks import WEAK_BYTES, check_folder, tried
from campaign.config.secrets import read_secret
from campaign.config.settings import Secret, Settings
from campaign.config.wording import Mistake
from campaign.errors import ConfigError

_LONGER = f"take at least {WEAK_BYTES}, for example from: openssl rand -hex 32"


def check_api_keys(settings: Settings, folder: Path) -> Iterator[Mistake]:
    """There is one at least, none can be guessed, and no two are the same."""
    if not settings.serve.api_keys:
        yield Mistake(
            ("serve", "api_keys"),
            "the API has no keys, so nobody could use it",
            'add api_keys = [{ env = "CAMPAIGN_API_KEY" }] to [serve]',
        )
    known: dict[bytes, int] = {}

    def check(secret: Secret, folder: Path) -> None:
        key = _long_enough(secret, folder, "who guesses it can send letters")
        first = known.setdefault(hashlib.sha256(key.encode()).digest(), number)
        if first != number:
            raise ConfigError(
                f"key {number} is the same as key {first}, so which application sends it is not"
                " known",
                remedy="give each application a key of its own",
            )

    for index, entry in enumerate(settings.serve.api_keys):
        number = index + 1
        yield from tried(check, ("serve", "api_keys", index), entry, folder)


def check_web_side(settings: Settings, folder: Path) -> Iterator[Mistake]:
    """What `campaign serve` needs beside the secrets of the tokens, which letters need too."""
    if not (settings.unsubscribe and settings.unsubscribe.secret):
        yield Mistake(
            ("unsubscribe",),
            "there is no secret of tokens, so no link can be read",
            'add secret = { env = "CAMPAIGN_SECRET" } to [unsubscribe]',
        )
    for path, secret in _provider_secrets(settings):
        yield from tried(_provider_secret, path, secret, folder)
    if settings.serve.languages:
        yield from check_folder(("serve", "languages"), settings.serve.languages, folder)


def _provider_secrets(settings: Settings) -> Iterator[tuple[positions.Path, Secret]]:
    mailgun, postmark = settings.bounces.mailgun, settings.bounces.postmark
    named: Iterable[tuple[str, str, tuple[Secret, ...]]] = (
        ("mailgun", "signing_key", mailgun.signing_key if mailgun else ()),
        ("postmark", "secret", postmark.secret if postmark else ()),
    )
    for provider, key, secrets in named:
        for index, secret in enumerate(secrets):
            yield ("bounces", provider, key, index), secret


def _provider_secret(secret: Secret, folder: Path) -> None:
    _long_enough(secret, folder, "who guesses it can make up events")


def _long_enough(secret: Secret, folder: Path, harm: str) -> str:
    """The secret.  Raises ConfigError also where it could be guessed."""
    text = read_secret(secret, folder)
    if (size := len(text.encode())) < WEAK_BYTES:
        raise ConfigError(f"it has {size} bytes, and {harm}", remedy=_LONGER)
    return text
