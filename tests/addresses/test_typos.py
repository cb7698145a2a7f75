"""addresses.typos: slips are seen, real providers are left alone."""

from __future__ import annotations

import pytest

from campaign.addresses.typos import _PROVIDERS, _REAL, likely_typo


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gamil.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("hotmal.com", "hotmail.com"),
        ("yaho.com", "yahoo.com"),
        ("outlok.com", "outlook.com"),
        ("iclod.com", "icloud.com"),
        ("foxmial.com", "foxmail.com"),
        ("example.con", "example.com"),
    ],
)
def test_a_slip_in_a_large_provider_is_seen(typed: str, meant: str) -> None:
    assert likely_typo(typed) == meant


@pytest.mark.parametrize("domain", sorted({*_PROVIDERS, *_REAL}))
def test_no_known_provider_is_taken_for_a_slip_of_another(domain: str) -> None:
    assert likely_typo(domain) is None


@pytest.mark.parametrize("domain", ["example.com", "example.co", "x.cm", "ibm.com", "gmail.io"])
def test_other_domains_are_left_alone(domain: str) -> None:
    assert likely_typo(domain) is None


# Mail domains that exist, from the help pages of the providers and their regional services.
REAL = [
    "163.com", "126.com", "yeah.net", "qq.com", "vip.qq.com", "foxmail.com", "sina.com",
    "sina.cn", "vip.sina.com", "sohu.com", "tom.com", "21cn.com", "139.com", "189.cn", "wo.cn",
    "aliyun.com", "263.net", "gmail.com", "googlemail.com", "mail.com", "email.com", "usa.com",
    "ymail.com", "rocketmail.com", "yahoo.com", "yahoo.co.uk", "yahoo.co.in", "yahoo.co.jp",
    "yahoo.co.id", "yahoo.com.br", "yahoo.com.au", "yahoo.com.ar", "yahoo.com.mx", "yahoo.com.sg",
    "yahoo.com.hk", "yahoo.com.tw", "yahoo.com.ph", "yahoo.com.vn", "yahoo.ca", "yahoo.de",
    "yahoo.fr", "yahoo.es", "yahoo.it", "yahoo.in", "yahoo.gr", "yahoo.ie", "yahoo.se",
    "hotmail.com", "hotmail.co.uk", "hotmail.co.jp", "hotmail.fr", "hotmail.de", "hotmail.es",
    "hotmail.it", "hotmail.be", "hotmail.nl", "hotmail.se", "hotmail.no", "hotmail.dk",
    "hotmail.ch", "hotmail.ca", "hotmail.com.br", "hotmail.com.ar", "hotmail.com.tr",
    "hotmail.gr", "outlook.com", "outlook.de", "outlook.fr", "outlook.es", "outlook.it",
    "outlook.pt", "outlook.jp", "outlook.com.br", "outlook.com.au", "outlook.co.th", "outlook.sa",
    "live.com", "live.co.uk", "live.fr", "live.de", "live.nl", "live.it", "live.be", "live.ca",
    "live.cn", "live.jp", "live.com.au", "live.com.mx", "live.se", "live.no", "msn.com",
    "icloud.com", "me.com", "mac.com", "aol.com", "aol.co.uk", "aol.de", "aim.com", "gmx.de",
    "gmx.net", "gmx.at", "gmx.ch", "gmx.com", "gmx.fr", "web.de", "t-online.de", "magenta.de",
    "freenet.de", "arcor.de", "online.de", "posteo.de", "mailbox.org", "orange.fr", "wanadoo.fr",
    "free.fr", "sfr.fr", "laposte.net", "neuf.fr", "bbox.fr", "numericable.fr", "libero.it",
    "virgilio.it", "alice.it", "tiscali.it", "tim.it", "telefonica.net", "terra.com.br",
    "uol.com.br", "bol.com.br", "ig.com.br", "globo.com", "comcast.net", "verizon.net", "att.net",
    "sbcglobal.net", "bellsouth.net", "cox.net", "charter.net", "shaw.ca", "rogers.com",
    "sympatico.ca", "btinternet.com", "virginmedia.com", "ntlworld.com", "sky.com",
    "talktalk.net", "bigpond.com", "optusnet.com.au", "xtra.co.nz", "naver.com", "daum.net",
    "hanmail.net", "nate.com", "docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp", "nifty.com",
    "mail.ru", "bk.ru", "list.ru", "inbox.ru", "yandex.ru", "yandex.com", "ya.ru", "rambler.ru",
    "seznam.cz", "centrum.cz", "wp.pl", "o2.pl", "onet.pl", "interia.pl", "op.pl", "abv.bg",
    "mail.bg", "ukr.net", "i.ua", "proton.me", "protonmail.com", "pm.me", "tutanota.com",
    "tuta.com", "fastmail.com", "fastmail.fm", "hey.com", "zoho.com", "zoho.eu", "zoho.in",
    "rediffmail.com", "hushmail.com", "duck.com", "cloud.com",
]  # fmt: skip


@pytest.mark.parametrize("domain", REAL)
def test_no_real_mail_domain_is_called_a_slip(domain: str) -> None:
    assert likely_typo(domain) is None
