"""Domains that hand out mailboxes for an hour.

In: a domain.  Out: whether it is one, and which list says so.  Touches: nothing.
Fails: with MissingExtraError where the list is not installed and somebody asks for it.

A warning, never a verdict: such lists disagree, and some have named google.com.  What is on our
own list, a mailbox provider or a service that forwards to a person's own mailbox, wins always.
The door to disposable-email-domains, which is a new version almost every day.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

from campaign.addresses.typos import is_provider
from campaign.errors import MissingExtraError
from campaign.extras import pip_line

_PACKAGE = "disposable-email-domains"
# Addresses that forward to a person who reads them (the help pages of Apple, DuckDuckGo, Mozilla,
# SimpleLogin, addy.io, Fastmail, IronVest, StartMail).
RELAYS = frozenset({
    "privaterelay.appleid.com", "duck.com", "mozmail.com", "relay.firefox.com", "simplelogin.com",
    "simplelogin.co", "simplelogin.fr", "aleeas.com", "slmail.me", "slmails.com", "silomails.com",
    "8alias.com", "8shield.net", "dralias.com", "anonaddy.com", "anonaddy.me", "addy.io",
    "addymail.com", "4wrd.cc", "mailer.me", "passmail.net", "passmail.com", "passinbox.com",
    "passfwd.com", "opayq.com", "erine.email", "33mail.com",
})  # fmt: skip
# Mailboxes for good that one list or another calls disposable.
_FOR_GOOD = frozenset({"sify.com", "tom.com", "hush.com", "hushmail.com", "fastmail.com"})


def is_relay(domain: str) -> bool:
    """A service that forwards to somebody's own mailbox, or a domain below one."""
    return any(name in RELAYS for name in _with_parents(domain))


class Disposables:
    """The list that is installed, less what is on ours and what the user allows."""

    def __init__(self, listed: frozenset[str], title: str, allowed: Iterable[str] = ()) -> None:
        self._listed = listed
        self._allowed = frozenset(name.lower() for name in allowed)
        self.title = title  # which list, and of which version; "" without one

    def __contains__(self, domain: str) -> bool:
        """`domain` is lower case, A-label; a domain below a disposable one is disposable."""
        names = list(_with_parents(domain))
        if is_relay(domain) or is_provider(domain):
            return False
        if any(name in self._allowed or name in _FOR_GOOD for name in names):
            return False
        return any(name in self._listed for name in names)


def installed(allowed: Iterable[str] = ()) -> Disposables:
    """The list of disposable-email-domains.  Raises MissingExtraError."""
    try:
        from disposable_email_domains import blocklist  # 31 ms
    except ImportError as error:
        raise MissingExtraError(
            f"the list of disposable domains needs {_PACKAGE}", remedy=pip_line("verify")
        ) from error
    return Disposables(frozenset(blocklist), f"{_PACKAGE} {metadata.version(_PACKAGE)}", allowed)


def none_installed() -> Disposables:
    """No list: no domain is disposable."""
    return Disposables(frozenset(), "")


def _with_parents(domain: str) -> Iterable[str]:
    """a.b.example -> a.b.example, b.example."""
    labels = domain.split(".")
    return (".".join(labels[start:]) for start in range(max(1, len(labels) - 1)))
