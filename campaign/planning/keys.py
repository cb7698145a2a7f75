"""The keys that a campaign signs with, as far as this process may know them: where they come from.

In: a loaded campaign.  Out: a `SigningSpec`.  Touches: signers, where the keys are tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from campaign.addresses.syntax import parse_address
from campaign.config.loader import Campaign
from campaign.errors import ConfigError
from campaign.signing.spec import KeyPlace, SignatureSpec, SigningSpec
from campaign.workers.signing.signers import look_at_keys


def signing_spec(campaign: Campaign) -> SigningSpec | None:
    """All a signer needs, without the keys, which only signers read; None: letters go unsigned."""
    entries = [
        SignatureSpec(
            parse_address(f"postmaster@{entry.domain}").domain,
            entry.selector,
            KeyPlace(entry.key.env, entry.key.file, entry.key.command),
            entry.valid_for,
        )
        for entry in campaign.settings.dkim
    ]
    return SigningSpec(str(campaign.folder), tuple(entries)) if entries else None


def keys_at_hand(
    campaign: Campaign, may_be_unsigned: bool, on_note: Callable[[str], None]
) -> SigningSpec | None:
    """The same, once a signer has read the keys; `on_note` is told what speaks against them.

    Raises ConfigError where a key cannot be had or cannot sign.  Of letters that may be unsigned
    that is a note.
    """
    signing = signing_spec(campaign)
    if signing is None:
        return None
    try:
        notes = asyncio.run(look_at_keys(signing))
    except ConfigError as fault:
        if not may_be_unsigned:
            raise
        on_note(f"letters are not signed here: {fault}")
        return None
    for note in notes:
        on_note(note)
    return signing
