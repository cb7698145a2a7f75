"""Which provider a mail server, or a mailbox domain, belongs to; and how hard to begin with it.

In: names of mail servers, domains.  Out: `MailProvider`, the name of a site.  Touches: nothing.

A provider is known by the suffix of its MX names, so that domains hosted there (Google Workspace,
Microsoft 365, enterprise mail of QQ and NetEase) are found too.  `provider_of_domain` knows the
public mailbox domains by heart, for use without DNS.

The numbers are where to begin; replies teach the rest.  They are what providers publish on their
postmaster pages or say in their replies (NetEase's 451 MI:DMC, Yahoo's "Max message per
connection"), and common practice among senders where nothing is published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from campaign.routing.answers import MxRecord


@dataclass(frozen=True, slots=True)
class MailProvider:
    """An organisation that runs mail servers for many."""

    name: str
    title: str  # as people call it
    mx: tuple[str, ...]  # suffixes of its MX names
    domains: tuple[str, ...] = ()  # its public mailbox domains
    connections: int | None = None  # at the same time; None: as many as the settings say
    messages_per_connection: int | None = None
    needs_tls: bool = False  # takes bulk mail over TLS only
    is_filter: bool = False  # in front of each customer's own servers: so is what throttles us


def _under(names: str, ends: str) -> tuple[str, ...]:
    """("yahoo", "com fr") -> yahoo.com, yahoo.fr."""
    return tuple(f"{name}.{end}" for name in names.split() for end in ends.split())


_GOOGLE = ("gmail.com", "googlemail.com", "google.com")
_MICROSOFT = (
    *_under("hotmail", "com co.uk fr it es de be nl se no dk fi gr ca cl co.jp co.il co.nz co.th"),
    *_under(
        "hotmail", "co.za com.ar com.au com.br com.hk com.tr com.tw cz hu lt lv my ph rs sg sk"
    ),
    *_under(
        "live", "com co.uk fr it de be nl se no dk fi ca cl cn co.kr co.za com.ar com.au com.mx"
    ),
    *_under("live", "com.my com.ph com.pt com.sg hk ie in jp ru"),
    *_under("outlook", "com at be cl co.id co.il co.th com.ar com.au com.br com.gr com.tr com.vn"),
    *_under("outlook", "cz de dk es fr hu ie in it jp kr lv my ph pt sa sg sk"),
    *("msn.com", "passport.com", "windowslive.com", "livemail.tw"),
)
_YAHOO = (
    *_under(
        "yahoo", "com ca co.id co.in co.kr co.nz co.th co.uk co.za com.ar com.au com.br com.co"
    ),
    *_under("yahoo", "com.hk com.mx com.my com.pe com.ph com.sg com.tr com.tw com.ve com.vn de dk"),
    *_under("yahoo", "es fi fr gr hu ie in it nl no pl pt ro se"),
    *_under("aol", "com co.uk de fr it es com.au com.br ca nl se jp at be"),
    *("ymail.com", "rocketmail.com", "myyahoo.com", "aim.com", "netscape.net", "cs.com"),
    *("verizon.net", "frontier.com"),
)
_GMX = (
    *_under("gmx", "de net at ch com co.uk fr es it us org info eu tm li"),
    "web.de",
    "email.de",
)

PROVIDERS = (
    MailProvider(
        *("google", "Google (Gmail, Workspace)", ("google.com", "googlemail.com", "psmtp.com")),
        domains=_GOOGLE,
        connections=5,
        messages_per_connection=50,
        needs_tls=True,
    ),
    MailProvider(
        "outlook",
        "Microsoft (Outlook, Hotmail, 365)",
        (
            *("protection.outlook.com", "mx.microsoft", "partner.outlook.cn", "office365.us"),
            *("mail.eo.outlook.com", "hotmail.com"),
        ),
        domains=_MICROSOFT,
        connections=5,
        messages_per_connection=50,
    ),
    MailProvider(
        *("yahoo", "Yahoo, AOL", ("yahoodns.net",)), domains=_YAHOO, messages_per_connection=20
    ),
    MailProvider(
        *("qq", "QQ (Tencent, Exmail)", ("qq.com", "exmail.qq.com", "foxmail.com")),
        domains=("qq.com", "vip.qq.com", "foxmail.com"),
        connections=4,
        messages_per_connection=8,
    ),
    MailProvider(
        *("netease", "NetEase (163, 126, yeah)", ("netease.com", "163.com", "126.com")),
        domains=(
            *("163.com", "126.com", "yeah.net", "188.com", "vip.163.com", "vip.126.com"),
            *("netease.com", "vip.188.com"),
        ),
        connections=4,
        messages_per_connection=7,
    ),
    MailProvider(
        *("icloud", "Apple iCloud", ("icloud.com", "mail.me.com")),
        domains=("icloud.com", "me.com", "mac.com", "privaterelay.appleid.com"),
        connections=10,
        messages_per_connection=5,
    ),
    MailProvider(
        *("gmx", "GMX, web.de (United Internet)", ("gmx.net", "gmx.com", "web.de", "mail.com")),
        domains=(*_GMX, "mail.com"),
        connections=4,
        messages_per_connection=20,
    ),
    MailProvider(
        *("comcast", "Comcast Xfinity", ("comcast.net",)),
        domains=("comcast.net", "xfinity.com"),
        connections=25,
        messages_per_connection=1000,
    ),
    MailProvider("orange", "Orange", ("orange.fr",), ("orange.fr", "wanadoo.fr")),
    MailProvider("ses", "Amazon SES, WorkMail", ("amazonaws.com", "awsapps.com")),
    MailProvider("yahoo-japan", "Yahoo! Japan", ("yahoo.co.jp",), ("yahoo.co.jp", "ymail.ne.jp")),
    MailProvider(
        *("aliyun", "Alibaba Cloud mail", ("mxhichina.com", "aliyun.com", "qiye.aliyun.com")),
        domains=("aliyun.com",),
    ),
    MailProvider("sina", "Sina", ("sina.com.cn",), ("sina.com", "sina.cn", "vip.sina.com")),
    MailProvider("sohu", "Sohu", ("sohu.com",), ("sohu.com", "vip.sohu.com")),
    MailProvider(*("139", "China Mobile 139", ("139.com", "mail.10086.cn")), domains=("139.com",)),
    MailProvider(
        *("yandex", "Yandex", ("yandex.ru", "yandex.net")),
        domains=("yandex.ru", "yandex.com", "ya.ru", "yandex.kz", "yandex.by"),
    ),
    MailProvider(
        *("mailru", "Mail.ru", ("mail.ru",)),
        domains=("mail.ru", "inbox.ru", "list.ru", "bk.ru", "internet.ru"),
    ),
    MailProvider("naver", "Naver", ("naver.com",), ("naver.com",)),
    MailProvider("kakao", "Kakao (Daum)", ("daum.net", "kakao.com"), ("hanmail.net", "daum.net")),
    MailProvider(
        *("proton", "Proton", ("protonmail.ch",)),
        domains=("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
    ),
    MailProvider("fastmail", "Fastmail", ("messagingengine.com",), ("fastmail.com", "fastmail.fm")),
    MailProvider("zoho", "Zoho", ("zoho.com", "zoho.eu", "zoho.in"), ("zoho.com", "zohomail.com")),
    MailProvider(
        "proofpoint",
        "Proofpoint",
        ("pphosted.com", "ppe-hosted.com", "gpphosted.com"),
        is_filter=True,
    ),
    MailProvider("mimecast", "Mimecast", ("mimecast.com", "mimecast.co.za"), is_filter=True),
    MailProvider(
        "barracuda", "Barracuda", ("barracudanetworks.com", "cudaops.com"), is_filter=True
    ),
    MailProvider("messagelabs", "Symantec MessageLabs", ("messagelabs.com",), is_filter=True),
    MailProvider("cisco", "Cisco Secure Email", ("iphmx.com",), is_filter=True),
    MailProvider("cloudflare", "Cloudflare Email Routing", ("mx.cloudflare.net",), is_filter=True),
    MailProvider("godaddy", "GoDaddy", ("secureserver.net",)),
    MailProvider("rackspace", "Rackspace", ("emailsrvr.com",)),
    MailProvider("ovh", "OVHcloud", ("mail.ovh.net", "mail.ovh.ca")),
    MailProvider("ionos", "IONOS", ("kundenserver.de", "ionos.com", "1and1.com", "perfora.net")),
    MailProvider("strato", "Strato", ("rzone.de",)),
    MailProvider("telekom", "Deutsche Telekom", ("t-online.de",), ("t-online.de", "magenta.de")),
    MailProvider("free", "Free", ("free.fr",), ("free.fr",)),
    MailProvider("laposte", "La Poste", ("laposte.net",), ("laposte.net",)),
    MailProvider("sfr", "SFR", ("sfr.fr",), ("sfr.fr", "neuf.fr")),
    MailProvider("libero", "Libero", ("libero.it",), ("libero.it", "virgilio.it")),
    MailProvider("seznam", "Seznam", ("seznam.cz",), ("seznam.cz", "email.cz", "post.cz")),
    MailProvider("wp", "Wirtualna Polska, o2", ("wp.pl", "o2.pl"), ("wp.pl", "o2.pl", "tlen.pl")),
)
_BY_SUFFIX = {suffix: provider for provider in PROVIDERS for suffix in provider.mx}
_BY_DOMAIN = {domain: provider for provider in PROVIDERS for domain in provider.domains}
_BY_NAME = {provider.name: provider for provider in PROVIDERS}
_LONGEST_NAME = 120  # of a site: it stands in results and progress lines


def provider_named(name: str) -> MailProvider | None:
    """By the `name` that routes carry."""
    return _BY_NAME.get(name)


def provider_of_domain(domain: str) -> MailProvider | None:
    """Of a public mailbox domain (A-label, lower case); None for all others, without asking."""
    return _BY_DOMAIN.get(domain)


def provider_of_host(name: str) -> MailProvider | None:
    """Of a mail server, by its name."""
    labels = name.lower().rstrip(".").split(".")
    for start in range(len(labels)):
        provider = _BY_SUFFIX.get(".".join(labels[start:]))
        if provider:
            return provider
    return None


def provider_of_exchanges(exchanges: Sequence[MxRecord]) -> MailProvider | None:
    """Of an MX set: who answers first.

    A filter in front of Google is the filter's; a backup MX elsewhere changes nothing.
    """
    if not exchanges:
        return None
    first = min(exchanges)
    return provider_of_host(first.exchange)


def site_name(hosts: Iterable[str]) -> str:
    """One name for a set of hosts, the same whatever their order.

    mx1.example.com, mx2.example.com -> "(mx1|mx2).example.com".
    """
    by_parent: dict[str, list[str]] = {}
    for host in sorted(set(hosts)):
        first, _, parent = host.partition(".")
        by_parent.setdefault(parent, []).append(first)
    parts = []
    for parent, firsts in by_parent.items():
        inner = firsts[0] if len(firsts) == 1 else f"({'|'.join(firsts)})"
        parts.append(f"{inner}.{parent}" if parent else inner)
    name = ",".join(parts)
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 10]}…#{hashlib.sha256(name.encode()).hexdigest()[:8]}"
