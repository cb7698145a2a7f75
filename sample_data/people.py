"""Names, companies and remarks the sample list is made of; everybody in it is invented.

In: nothing.  Out: plain tuples.  Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple


class Tongue(NamedTuple):
    """Where somebody is from, as far as a mailing list knows."""

    weight: int  # how many of a hundred
    first: tuple[str, ...]  # "name" or "name/latin letters for the address"
    last: tuple[str, ...]
    domains: tuple[str, ...]
    companies: tuple[str, ...]


_WORLD = ("gmail.example", "gmail.example", "outlook.example", "yahoo.example", "icloud.example")
_CHINA = ("qq.example", "qq.example", "163.example", "126.example", "gmail.example")

TONGUES = (
    Tongue(
        38,
        ("Ada", "Ben", "Chloe", "Daniel", "Emily", "Frank", "Grace", "Henry", "Isla", "Jack",
         "Kate", "Liam", "Maya", "Noah", "Olivia", "Peter", "Quinn", "Ruth", "Sam", "Tessa"),
        ("Abbott", "Baker", "Carter", "Dixon", "Evans", "Fletcher", "Grant", "Hughes", "Irving",
         "Jones", "Knight", "Lawson", "Mason", "Norris", "O'Brien", "Palmer", "Reed",
         "Smith-Hall", "Turner", "Walsh"),
        _WORLD,
        ("Northwind Studio", "Harbour & Lane", 'The "Corner" Bakery', "Blue Door, Inc.",
         'Acme "Roadrunner" Supplies, Ltd.', "Tea & Paper", "Greenhouse Collective",
         "=SUM Labs", ""),
    ),
    Tongue(
        14,
        ("Jürgen", "Käthe", "Björn", "Zoë", "Søren", "Åsa", "Günter", "Jörg", "Lina", "Anneliese"),
        ("Müller", "Weiß", "Schröder", "Øverland", "Ångström", "Jäger", "Krüger", "Lindqvist",
         "Böhm", "Nyström"),
        ("gmail.example", "web.example", "gmx.example", "outlook.example"),
        ("Müller, Söhne & Co. KG", "Studio Åkerlund", "Øresund Arkitekter", "Pixel-Werkstatt", ""),
    ),
    Tongue(
        14,
        ("François", "Hélène", "Chloé", "Éloïse", "José", "Begoña", "João", "Conceição", "Noël",
         "Iñaki"),
        ("Lefèvre", "Béranger", "Núñez", "Gonçalves", "D'Ávila", "Peña", "Muñoz", "Château",
         "Fontaine", "Araújo"),
        ("gmail.example", "orange.example", "yahoo.example", "icloud.example"),
        ("Lefèvre et Fils", "Peña; Núñez Abogados", "Café do Porto, Lda.", "Atelier Noël", ""),
    ),
    Tongue(
        8,
        ("Łukasz/Lukasz", "Žofie", "Jiří", "Agnieszka", "Şebnem", "Çağlar", "Ilkay", "Zoltán",
         "Ruža", "Mihály"),
        ("Dvořák", "Wójcik", "Szabó", "Novák", "Kowalski", "Öztürk", "Červenka", "Żak", "Horváth",
         "Yılmaz/Yilmaz"),  # noqa: RUF001
        ("gmail.example", "seznam.example", "outlook.example"),
        ("Dům čaje, s.r.o.", "Łódź Design", "Öztürk Kardeşler", ""),
    ),
    Tongue(
        18,
        ("伟/wei", "秀英/xiuying", "小明/xiaoming", "娜/na", "建国/jianguo", "丽华/lihua",
         "雨桐/yutong", "志强/zhiqiang", "欣怡/xinyi", "浩然/haoran"),
        ("王/wang", "李/li", "张/zhang", "刘/liu", "陈/chen", "杨/yang", "赵/zhao", "黄/huang",
         "周/zhou", "欧阳/ouyang"),
        _CHINA,
        ("杭州晨光科技有限公司", "北京青山设计", "上海海燕贸易有限公司", ""),
    ),
    Tongue(
        5,
        ("太郎/taro", "花子/hanako", "翔太/shota", "さくら/sakura", "健一/kenichi"),
        ("佐藤/sato", "鈴木/suzuki", "高橋/takahashi", "渡辺/watanabe", "中村/nakamura"),
        ("yahoo.example", "docomo.example", "gmail.example"),
        ("株式会社さくら", "渡辺建築事務所", ""),
    ),
    Tongue(
        3,
        ("ليلى/layla", "أحمد/ahmad", "فاطمة/fatima", "يوسف/yusuf", "نور/nour"),
        ("حسن/hassan", "الخطيب/alkhatib", "منصور/mansour", "سليم/salim", "عبد الله/abdallah"),
        ("gmail.example", "outlook.example"),
        ("شركة النور", "مكتبة الحكمة", ""),
    ),
)  # fmt: skip

NOTES = (
    "Please send invoices to accounts, not to me.",
    'Prefers "you" over titles, and short mails.',
    "Call before noon,\nand never on Fridays.",
    "VAT number follows;\nsee last year's mail.\n\nThanks!",
    "发票抬头请写公司全称，谢谢。",  # noqa: RUF001
    "Contract, order and invoice; all three by post.",
    "100% satisfied <3 & staying.",
)

# What a form on the web lets through, and a mail server does not.
NOT_ADDRESSES = (
    "nobody", "ada.lovelace@", "@gmail.example", "two@@gmail.example", "sp ace@outlook.example",
    "ben@gmail.example, ben@work.example", "carla@gmail..example", "",
)  # fmt: skip

# Mailboxes that the sandbox plays, so that a first run shows every outcome.
PLAYED = (
    *(f"bounce+{n}" for n in range(1, 7)),
    *(f"full+{n}" for n in range(1, 4)),
    *(f"greylist+{n}" for n in range(1, 9)),
    *(f"slow+{n}" for n in range(1, 5)),
    *(f"drop+{n}" for n in range(1, 3)),
    "spam+1",
)
