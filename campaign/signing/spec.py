"""What signing needs to know of a campaign, in a form that travels to another process.

In: settings.  Out: frozen, picklable records without keys.  Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple


class KeyPlace(NamedTuple):
    """Where a private key comes from: exactly one of these, as in the config."""

    env: str | None = None
    file: str | None = None
    command: str | None = None


class SignatureSpec(NamedTuple):
    """One [[dkim]] entry."""

    domain: str  # in A-labels
    selector: str
    key: KeyPlace
    valid_for_s: float | None = None  # None: for ever


class SigningSpec(NamedTuple):
    """All that signing needs to know, once for the campaign."""

    folder: str  # files of keys are relative to it
    entries: tuple[SignatureSpec, ...]
