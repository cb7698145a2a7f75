"""What large providers ask of bulk mail, and a campaign does not have.

In: settings.  Out: a short list, for a person.  Touches: nothing.

Gmail, Yahoo and Microsoft ask it of those who send 5,000 letters a day to their users, Apple of
all (support.google.com/mail/answer/81126).
"""

from __future__ import annotations

from campaign.config.settings import Settings


def missing_for_bulk(settings: Settings) -> list[str]:
    """Each with the setting that brings it."""
    unsubscribe = settings.unsubscribe
    found = []
    if unsubscribe is None:
        found.append("a way to unsubscribe: url and mailto in [unsubscribe]")
    else:
        if not unsubscribe.url:
            found.append("unsubscribing by one click: url in [unsubscribe]")
        if unsubscribe.list == "*":
            found.append("a name of the list, for List-ID: list in [unsubscribe]")
    if not settings.dkim:
        found.append("a signature, unless the relay signs: [[dkim]]")
    return found
