"""Domains that are probably a slip of the finger.

In: a domain.  Out: the domain that was meant, or None.  Touches: nothing.

A warning, never a verdict: `gmial.com` has an owner and may have mailboxes.
"""

from __future__ import annotations

from functools import lru_cache

# The large public providers: nearly all slips are slips in one of these.
_PROVIDERS = (
    "gmail.com", "googlemail.com", "yahoo.com", "yahoo.co.uk", "yahoo.fr", "yahoo.de",
    "hotmail.com", "hotmail.co.uk", "hotmail.fr", "outlook.com", "outlook.de", "live.com",
    "icloud.com", "aol.com", "gmx.de", "gmx.net", "web.de", "t-online.de", "orange.fr",
    "wanadoo.fr", "laposte.net", "libero.it", "protonmail.com", "comcast.net", "verizon.net",
    "163.com", "126.com", "qq.com", "foxmail.com", "sina.com", "naver.com", "yandex.ru", "mail.ru",
    "zoho.com",
)  # fmt: skip
# Real mail domains one slip away from one of the above.
_REAL = frozenset({
    "mail.com", "email.com", "ymail.com", "gmx.com", "gmx.at", "gmx.ch", "gmx.us", "me.com",
    "aol.de", "aol.fr", "aim.com", "live.de", "live.cn", "live.ca", "live.nl", "live.fr", "live.it",
    "love.com", "sina.cn", "sky.com", "139.com", "189.com", "yeah.net", "ya.ru", "bk.ru", "qq.cn",
    "vip.163.com", "vip.qq.com", "yahoo.ca", "yahoo.cn", "yahoo.es", "yahoo.it", "yahoo.in",
    "hotmail.de", "hotmail.es", "hotmail.it", "hotmail.ca", "hotmail.be", "hotmail.nl",
    "outlook.fr", "outlook.es", "outlook.it", "outlook.be", "outlook.dk", "outlook.ie",
    "outlook.at", "hushmail.com", "rocketmail.com", "fastmail.com", "protonmail.ch", "zoho.eu",
    "gmail.ru", "mail.ee", "mail.de", "mail.bg", "mail.be", "mail.ch", "mail.fr", "mail.ua",
    "email.ru", "naver.net", "yandex.ua", "yandex.by", "yandex.kz", "yahoo.co.in", "yahoo.co.jp",
    "yahoo.co.id", "yahoo.co.nz", "yahoo.co.kr", "yahoo.co.za", "web.com", "weg.de",
    "cloud.com", "never.com", "imail.com", "jmail.com", "zmail.com", "umail.com", "xmail.com",
})  # fmt: skip
_TLD_SLIPS = {
    "con": "com", "cmo": "com", "ocm": "com", "comm": "com", "coom": "com", "xom": "com",
    "vom": "com", "cpm": "com", "clm": "com", "cim": "com", "om": "com", "c": "com", "co": "com",
    "cm": "com", "nte": "net", "ner": "net", "met": "net", "nett": "net",
}  # fmt: skip
_SURE_TLD_SLIPS = frozenset({"con", "cmo", "ocm", "comm", "coom", "xom", "vom", "cpm", "nte"})
# Shorter names have too many real neighbours: qq.com, aol.com, web.de, live.com (five.com).
_SHORTEST = 9


@lru_cache(maxsize=65536)
def likely_typo(domain: str) -> str | None:
    """`gmial.com` -> `gmail.com`, `example.con` -> `example.com`, else None.

    `domain` is lower case, A-label.
    """
    if domain in _PROVIDERS or domain in _REAL:
        return None
    stem, _, tld = domain.rpartition(".")
    if tld in _TLD_SLIPS:
        mended = f"{stem}.{_TLD_SLIPS[tld]}"
        if mended in _PROVIDERS or tld in _SURE_TLD_SLIPS:
            return mended
    for provider in _PROVIDERS:
        is_other_country = len(tld) == 2 and provider.startswith(f"{stem}.")
        if len(provider) >= _SHORTEST and not is_other_country and _is_one_slip(domain, provider):
            return provider
    return None


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
