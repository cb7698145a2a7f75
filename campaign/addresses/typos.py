"""Domains that are probably a slip of the finger, and cells that are nearly an address.

In: a domain, or a cell that is no address.  Out: what was meant, or None.  Touches: nothing.

A warning, never a verdict: `gmial.com` has an owner and may have mailboxes.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from campaign.addresses.syntax import AddressError, parse_address

# The large public providers: nearly all slips are slips in one of these.
_PROVIDERS = (
    "gmail.com", "googlemail.com", "yahoo.com", "yahoo.co.uk", "yahoo.fr", "yahoo.de",
    "yahoo.co.jp", "yahoo.co.in", "yahoo.com.br", "yahoo.com.tw", "yahoo.com.hk", "yahoo.com.au",
    "hotmail.com", "hotmail.co.uk", "hotmail.fr", "hotmail.de", "hotmail.it", "hotmail.es",
    "outlook.com", "outlook.de", "outlook.fr", "live.com", "live.co.uk", "msn.com",
    "icloud.com", "aol.com", "gmx.de", "gmx.net", "web.de", "t-online.de", "freenet.de",
    "orange.fr", "wanadoo.fr", "laposte.net", "libero.it", "virgilio.it", "protonmail.com",
    "comcast.net", "verizon.net", "sbcglobal.net", "bellsouth.net", "btinternet.com",
    "rocketmail.com", "rediffmail.com", "facebook.com", "bigpond.com",
    "163.com", "126.com", "139.com", "qq.com", "foxmail.com", "sina.com", "sohu.com",
    "aliyun.com", "yeah.net", "naver.com", "hanmail.net", "yandex.ru", "mail.ru", "zoho.com",
    "seznam.cz",
)  # fmt: skip
# Real mail domains, many of them one slip away from one of the above.
_REAL = frozenset({
    "mail.com", "email.com", "ymail.com", "gmx.com", "gmx.at", "gmx.ch", "gmx.us", "me.com",
    "mac.com", "aol.de", "aol.fr", "aol.co.uk", "aim.com", "live.de", "live.cn", "live.ca",
    "live.nl", "live.fr", "live.it", "live.be", "live.jp", "live.se", "live.no", "live.com.au",
    "live.com.mx", "love.com", "sina.cn", "vip.sina.com", "sky.com", "189.com", "189.cn", "wo.cn",
    "21cn.com", "188.com", "263.net", "tom.com", "ya.ru", "bk.ru", "list.ru", "inbox.ru", "qq.cn",
    "vip.163.com", "vip.126.com", "vip.qq.com", "vip.sohu.com", "yahoo.ca", "yahoo.cn",
    "yahoo.com.cn", "yahoo.es", "yahoo.it", "yahoo.in", "yahoo.ie", "yahoo.gr", "yahoo.se",
    "yahoo.no", "yahoo.dk", "yahoo.fi", "yahoo.nl", "yahoo.pl", "yahoo.pt", "yahoo.ro",
    "yahoo.com.ar", "yahoo.com.mx", "yahoo.com.sg", "yahoo.com.ph", "yahoo.com.vn",
    "yahoo.com.my", "yahoo.com.tr", "yahoo.com.pe", "yahoo.com.co", "yahoo.com.ve",
    "hotmail.ca", "hotmail.be", "hotmail.nl", "hotmail.se", "hotmail.no", "hotmail.dk",
    "hotmail.ch", "hotmail.gr", "hotmail.co.jp", "hotmail.co.th", "hotmail.com.br",
    "hotmail.com.ar", "hotmail.com.tr", "hotmail.com.au", "hotmail.com.hk", "hotmail.com.tw",
    "outlook.es", "outlook.it", "outlook.be", "outlook.dk", "outlook.ie", "outlook.at",
    "outlook.pt", "outlook.jp", "outlook.sa", "outlook.co.th", "outlook.com.br",
    "outlook.com.au", "hushmail.com", "hush.com", "fastmail.com", "fastmail.fm", "protonmail.ch",
    "proton.me", "pm.me", "zoho.eu", "zoho.in", "zohomail.com", "tuta.com", "tutanota.com",
    "gmail.ru", "mail.ee", "mail.de", "mail.bg", "mail.be", "mail.ch", "mail.fr", "mail.ua",
    "email.ru", "email.de", "email.cz", "naver.net", "yandex.com", "yandex.ua", "yandex.by",
    "yandex.kz", "yahoo.co.id", "yahoo.co.nz", "yahoo.co.kr", "yahoo.co.za", "yahoo.co.th",
    "web.com", "weg.de", "cloud.com", "never.com", "imail.com", "jmail.com", "zmail.com",
    "umail.com", "xmail.com", "daum.net", "nate.com", "hey.com", "att.net",
    "cox.net", "charter.net", "free.fr", "sfr.fr", "neuf.fr", "bbox.fr", "wp.pl", "o2.pl",
    "uol.com.br", "bol.com.br", "terra.com.br", "privaterelay.appleid.com", "duck.com",
    "mozmail.com", "simplelogin.com", "posteo.de", "mailbox.org", "xtra.co.nz", "rambler.ru",
})  # fmt: skip
_TLD_SLIPS = {
    "con": "com", "cmo": "com", "ocm": "com", "comm": "com", "coom": "com", "ccom": "com",
    "xom": "com", "vom": "com", "dom": "com", "cpm": "com", "clm": "com", "cim": "com",
    "ckm": "com", "c0m": "com", "con1": "com", "com1": "com", "come": "com", "coml": "com",
    "comn": "com", "conm": "com", "cok": "com", "col": "com", "om": "com", "c": "com",
    "co": "com", "cm": "com", "nte": "net", "ner": "net", "met": "net", "nett": "net",
    "ent": "net", "nrt": "net", "nry": "net", "bet": "net", "ne": "net", "ogr": "org",
    "orgg": "org", "rog": "org", "ifno": "info", "inof": "info", "ddee": "de", "dee": "de",
    "ed": "de", "rf": "fr", "frr": "fr", "couk": "co.uk", "ukk": "uk", "ru1": "ru",
}  # fmt: skip
# No such top level exists (IANA root zone), so that a domain there is a slip whatever its name.
_SURE_TLD_SLIPS = frozenset({
    "con", "cmo", "ocm", "comm", "coom", "ccom", "xom", "vom", "cpm", "ckm", "c0m", "coml",
    "comn", "conm", "nte", "nett", "nrt", "nry", "ogr", "orgg", "ifno", "couk", "con1", "com1",
})  # fmt: skip
# The company, where its customers' mailboxes were meant.
_NAMESAKES = {"comcast.com": "comcast.net", "verizon.com": "verizon.net"}
# Shorter names have too many real neighbours: qq.com, aol.com, web.de, live.com (five.com).
_SHORTEST = 9
# What a name must keep to be told from another by two slips.
_LONG_STEM = 7
_BY_STEM = {provider.replace(".", ""): provider for provider in _PROVIDERS}
_FIRST_OF_STEM: dict[str, str] = {}
for _provider in _PROVIDERS:
    _FIRST_OF_STEM.setdefault(_provider.partition(".")[0], _provider)
_OTHER_MARKS = str.maketrans({"\u3002": ".", "\uff61": ".", ",": ".", ";": ".", "\u3001": "."})


def is_provider(domain: str) -> bool:
    """A public mailbox provider that is known by name; `domain` is lower case, A-label."""
    return domain in _KNOWN


_KNOWN = _REAL.union(_PROVIDERS)


@lru_cache(maxsize=65536)
def likely_typo(domain: str) -> str | None:
    """`gmial.com` -> `gmail.com`, `example.con` -> `example.com`, else None.

    `domain` is lower case, A-label.
    """
    if domain in _KNOWN:
        return None
    stem, _, tld = domain.rpartition(".")
    mended = f"{stem}.{_TLD_SLIPS[tld]}" if stem and tld in _TLD_SLIPS else ""
    if mended in _PROVIDERS:
        return mended
    if meant := _NAMESAKES.get(mended or domain):
        return meant
    if meant := _with_doubled_end(domain):
        return meant
    if meant := _provider_near(domain):
        return meant
    if tld in _SURE_TLD_SLIPS and stem:
        return _provider_near(mended) or mended
    return None


def mended_address(cell: str) -> str | None:
    """The address that a cell nearly is: `ada@gmail,com`, `ada@@qq.com`, `ada@#gmail.com`,
    `ada@gmailcom`; None where nobody could tell.
    """
    text = re.sub(r"\s+", "", unicodedata.normalize("NFKC", cell)).strip("<>()[]\"'.,;:")
    local, at, domain = text.rpartition("@")
    domain = re.sub(r"\.{2,}", ".", domain.translate(_OTHER_MARKS).lower())
    domain = domain.strip(".-#!*?<>()[]\"'/\\")
    local = re.sub(r"\.{2,}", ".", local.rstrip("@")).strip(".")
    if not at or not local or not domain or "@" in local:
        return None
    if "." not in domain:
        domain = _BY_STEM.get(domain) or _FIRST_OF_STEM.get(domain, "")
    try:
        address = parse_address(f"{local}@{domain}")
    except AddressError:
        return None
    return f"{address.local}@{likely_typo(address.domain) or address.domain}"


def _with_doubled_end(domain: str) -> str | None:
    """`gmail.com.com`, `yahoo.com.uk`, and what is left of a paste: `gmail.com.`."""
    for wrong, right in ((".com.com", ".com"), (".com.uk", ".co.uk"), (".con.com", ".com")):
        if domain.endswith(wrong) and (meant := domain.removesuffix(wrong) + right) in _PROVIDERS:
            return meant
    return None


def _provider_near(domain: str) -> str | None:
    """The provider whose name differs by one slip; by two in a long name that keeps its letters."""
    stem, _, tld = domain.partition(".")
    is_country = len(domain.rpartition(".")[2]) == 2
    for provider in _PROVIDERS:
        if len(provider) < _SHORTEST:
            continue
        if is_country and provider.startswith(f"{domain.rpartition('.')[0]}."):
            continue
        if _is_one_slip(domain, provider):
            return provider
        its_stem, _, its_tld = provider.partition(".")
        if tld == its_tld and len(its_stem) >= _LONG_STEM and _is_shuffled(stem, its_stem):
            return provider
    return None


def _is_shuffled(typed: str, meant: str) -> bool:
    """The same letters in another order, or some of them doubled: `fabecook`, `hootmaill`."""
    if abs(len(typed) - len(meant)) > 2 or typed[:1] != meant[:1] or set(typed) != set(meant):
        return False
    return len(typed) >= len(meant)


def _is_one_slip(typed: str, meant: str) -> bool:
    """One letter more, less, other, or two neighbours swapped."""
    if abs(len(typed) - len(meant)) > 1 or typed == meant:
        return False
    start = next(
        (at for at, (a, b) in enumerate(zip(typed, meant, strict=False)) if a != b),
        min(len(typed), len(meant)),
    )
    left, right = typed[start:], meant[start:]
    swapped = left[1:2] + left[:1] + left[2:]
    return left[1:] == right or left == right[1:] or left[1:] == right[1:] or swapped == right
