"""What `campaign check` looks at: rules as data, each with its date and its source.

In: nothing.  Out: `RULES`, `CheckRule`, `CheckFinding`.  Touches: nothing.

The date is that of the source, or of the day it was read where it has none.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["ok", "info", "warn", "fail", "not-checked"]
Needs = Literal["files", "dns", "relay", "provider", "live"]
Group = Literal[
    "domain", "hosts", "relay", "letters", "list", "volume", "journal", "reputation", "live"
]

TITLES: dict[Group, str] = {
    "domain": "Sender domain",
    "hosts": "Hosts",
    "relay": "Relay",
    "letters": "Letters",
    "list": "List",
    "volume": "Volume",
    "journal": "Journal",
    "reputation": "Reputation",
    "live": "Live",
}


class CheckRule(NamedTuple):
    """One thing that should be so."""

    id: str
    group: Group
    needs: Needs  # what must be asked; "files" is known offline
    says: str
    date: str
    source: str


class CheckFinding(NamedTuple):
    """What was found about one rule."""

    id: str
    level: Level
    evidence: str
    remedy: str = ""


_GMAIL = "support.google.com/mail/answer/81126"
_YAHOO = "senders.yahooinc.com/best-practices"
_OURS = "this project"

RULES = tuple(
    CheckRule(*row)
    for row in (
        ("spf-record", "domain", "dns", "the envelope domain has one SPF record within its limits",
         "2014-04", "RFC 7208, 4.5 and 4.6.4"),
        ("spf-sender", "domain", "dns", "SPF lets the hosts pass that send", "2014-04",
         "RFC 7208, 2.3"),
        ("spf-style", "domain", "dns", "SPF names who may send, and not everybody", "2014-04",
         "RFC 7208, 5.1 and 5.5"),
        ("dkim-record", "domain", "dns", "the DNS shows the key that signs", "2011-09",
         "RFC 6376, 3.6"),
        ("dkim-key", "domain", "dns", "the key is long enough", "2018-01", "RFC 8301, 3.2"),
        ("dmarc-record", "domain", "dns", "a DMARC record is in force for From", "2026-05",
         f"RFC 9989, 4.10; {_GMAIL}"),
        ("dmarc-policy", "domain", "dns", "the DMARC record asks for what it seems to", "2026-05",
         "RFC 9989, 4.7"),
        ("dmarc-aligned", "domain", "dns", "the signature or SPF is of the domain of From",
         "2026-05", f"RFC 9989, 4.4; {_GMAIL}"),
        ("sender-mail", "domain", "dns", "From and the envelope sender can get mail", "2026-03",
         f"RFC 5321, 4.4; {_YAHOO}"),
        ("hello-name", "hosts", "dns", "the name in EHLO is whole and has an address", "2008-10",
         "RFC 5321, 4.1.4"),
        ("ptr", "hosts", "dns", "every sending address has a name that leads back to it",
         "2026-03", _GMAIL),
        ("mta-sts", "hosts", "dns", "an MTA-STS record, if there is one, is well written",
         "2018-09", "RFC 8461, 3.1"),
        ("tls-rpt", "hosts", "dns", "a TLS-RPT record, if there is one, is well written",
         "2018-09", "RFC 8460, 3"),
        ("dane", "hosts", "dns", "TLSA records of our MX, if there are some, are usable",
         "2015-10", "RFC 7672, 2.2"),
        ("bimi", "hosts", "dns", "a BIMI record, if there is one, is well written", "2026-11",
         "draft-brand-indicators-for-message-identification"),
        ("relay-connect", "relay", "relay", "the relay takes a connection and the login",
         "2008-10", "RFC 5321, 3.1; RFC 4954"),
        ("relay-tls", "relay", "relay", "the session is encrypted", "2026-03", _GMAIL),
        ("relay-size", "relay", "relay", "the relay takes the largest planned message",
         "1995-11", "RFC 1870"),
        ("relay-limits", "relay", "files", "our rates for the relay carry the plan in time",
         "2026-11", _OURS),
        ("letter-single", "letters", "files", "header fields that may stand once stand once",
         "2008-10", "RFC 5322, 3.6"),
        ("letter-from", "letters", "files", "From names one author, with an honest name",
         "2026-03", _GMAIL),
        ("letter-id", "letters", "files", "every message has a Message-ID of its own", "2008-10",
         "RFC 5322, 3.6.4"),
        ("letter-one-click", "letters", "files", "one click unsubscribes, by https", "2017-01",
         f"RFC 8058, 3; {_GMAIL}"),
        ("letter-signed", "letters", "files", "our signature covers both fields of one-click",
         "2017-01", "RFC 8058, 4"),
        ("letter-lines", "letters", "files", "no line is longer than 998 bytes", "2008-10",
         "RFC 5322, 2.1.1"),
        ("letter-head", "letters", "files", "the header is no larger than 16 KB", "2026-03",
         f"{_GMAIL} (no number is published; ours)"),
        ("letter-text", "letters", "files", "there is a text part", "2026-11", _OURS),
        ("letter-clipped", "letters", "files", "the HTML is smaller than 102 KB", "2026-11",
         "Gmail cuts it there ([Message clipped]); measured by senders, no official page"),
        ("letter-links", "letters", "files", "links say where they go, without shorteners",
         "2026-03", f"{_GMAIL}; {_YAHOO}"),
        ("letter-lookalike", "letters", "files", "no domain mixes look-alike scripts", "2026-03",
         f"Unicode UTS 39, 5.1; {_GMAIL}"),
        ("letter-subject", "letters", "files", "Re: and Fwd: are true, or not there", "2026-03",
         _GMAIL),
        ("letter-clients", "letters", "files", "mail programs know the HTML and CSS that is used",
         "2024-04", "caniemail.com"),
        ("list-duplicates", "list", "files", "nobody stands in the list twice", "2026-11", _OURS),
        ("list-roles", "list", "files", "addresses are of persons, not of roles", "1997-05",
         "RFC 2142"),
        ("list-disposable", "list", "files", "few addresses are thrown away after a day",
         "2026-11", "disposable-email-domains on PyPI"),
        ("list-typos", "list", "files", "no domain is a slip of the finger", "2026-11", _OURS),
        ("list-domains", "list", "dns", "the domains of the list take mail", "2015-06",
         "RFC 7505; RFC 5321, 5.1"),
        ("list-growth", "list", "files", "the list has not doubled since the last campaign",
         "2026-11", _OURS),
        ("volume", "volume", "files", "5,000 letters a day to one provider make a bulk sender",
         "2026-03", f"{_GMAIL}; Outlook.com, 2025-05"),
        ("volume-growth", "volume", "files", "no provider gets twice what it got before",
         "2026-03", _GMAIL),
        ("volume-china", "volume", "files", "QQ, 163, Aliyun, Sina and 139 are begun slowly",
         "2026-11", "no official page; known from their replies only"),
        ("journal-commits", "journal", "files", "what the journal acknowledges is on its disk",
         "2022-10", "PostgreSQL 15, 20.5 and 30.1"),
        ("journal-standbys", "journal", "files", "a failover forgets no outcome", "2022-10",
         "PostgreSQL 15, 27.2.8"),
        ("gmail-spam", "reputation", "provider", "under 0.1 % of what Gmail takes is called spam",
         "2026-03", f"{_GMAIL}; Postmaster Tools API v2"),
        ("gmail-rules", "reputation", "provider", "Gmail finds its rules for senders kept",
         "2026-03", f"{_GMAIL}; Postmaster Tools API v2"),
        ("outlook-snds", "reputation", "provider", "Outlook.com takes our letters for wanted",
         "2026-05", "sendersupport.olc.protection.outlook.com/snds"),
        ("block-lists", "reputation", "dns", "no block list that you name has us", "2010-02",
         "RFC 5782"),
        ("live-one-click", "live", "live", "the one-click page answers a POST, and only that",
         "2017-01", "RFC 8058, 3.1 and 3.2"),
        ("live-letter", "live", "live", "a test letter is taken", "2026-11", _OURS),
        ("live-signature", "live", "live", "our signature is whole where the letter arrives",
         "2011-09", "RFC 6376, 2.3 and 6.1.3"),
    )
)  # fmt: skip
BY_ID = {rule.id: rule for rule in RULES}


def told(rule: CheckRule) -> str:
    """A rule with its source, for --json and --rules."""
    return f"{rule.says} ({rule.source}, {rule.date})"
