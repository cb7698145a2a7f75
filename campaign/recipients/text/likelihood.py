"""How likely it is that some bytes are a list of names in this encoding or that.

In: lines that are not ASCII and not UTF-8.  Out: `Reading`s, the likeliest first.
Touches: nothing.

Each encoding is asked how probable the characters are that it makes of the bytes, were they names
and addresses of people who write so: a character of a large alphabet counts for more bytes and
less often, an accent stands in a word with plain letters, Cyrillic does not, a Chinese name begins
with one of a hundred surnames.  Encodings that make the same text of the bytes share one verdict.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

_MOST = 16_384  # bytes that are judged; more does not change the verdict
_WORD = re.compile(r"[A-Za-z\x80-\U0010ffff]+")
_SIGNS = frozenset("\xa0·°§©®«»€£\u2013—…“”„\u2018\u2019\u201a•\u3000")
_WITHIN_WORDS = frozenset("·\u2019")
_WRONG = math.log(1e-6)  # a character that nobody writes into a list, or bytes that are none
_RARE = 0.05  # of characters that are there, but not where they usually stand
_SECOND = 0.3  # of accents, how many may follow another one
_SIGN_P = 1 / 400
_DOUBT = 0.7  # characters of a name are not independent: a chain of them tells less

# The letters beyond ASCII of each alphabet: first those that are frequent, then the others.
_WESTERN = ("éèáíóúñçãäöüàêôëâåøæß", "ìîïðòõùûýþÿœšž")
_TURKISH = ("çğıöşü", "âîûi")
_CENTRAL = ("áéíóöőúüűąęłńśżźćčěřšžýăâîșşţť", "äôçďđëĺľňŕůß")
_BALTIC = ("āēīūšžėąčęįų", "ģķļņõäöü")
_VIETNAMESE = ("áàâăđéèêíóôơúưý", "\u0300\u0301\u0303\u0309\u0323")
_CYRILLIC = ("оеаинтсрвлкмдйья", "бгёжзпуфхцчшщъыэюіїєґў")
_GREEK = ("αοιηςσντρεκάίό", "βγδζθλμξπυφχψωέήύώϊϋΐΰ")
_HEBREW = ("ילורמהאבנ", "גדזחטךכםןסעףפץצקשת")
_ARABIC = (
    "ايمرلدنوعحسبهة",
    "ءآأؤإئتثجخذزشصضطظغفقكىـپچژگ\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652",
)
_THAI = ("".join(map(chr, range(0x0E01, 0x0E2F))), "".join(map(chr, range(0x0E2F, 0x0E5B))))

# The surnames of 85 % of the Chinese, in both ways of writing; of nearly all Koreans; of many
# Japanese the first character.
_CHINESE = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
    "余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文欧"
)
_TRADITIONAL = frozenset(
    "王李張劉陳楊趙黃周吳徐孫胡朱高林何郭馬羅梁宋鄭謝韓唐馮于董蕭程曹袁鄧許傅沈曾彭呂蘇盧蔣蔡賈丁魏薛葉閻"
    "余潘杜戴夏鍾鐘汪田任姜范方石姚譚廖鄒熊金陸郝孔白崔康毛邱秦江史顧侯邵孟龍萬段雷錢湯尹黎易常武喬賀賴龔文歐"
)
_KOREAN = frozenset(
    "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허남심노하곽성차주우구민유나진지엄"
)
_JAPANESE = frozenset(
    "佐鈴高田渡伊山中小加吉斎斉松井木林清阿森池橋石前藤岡長後近村遠青坂福太三西原和武上"
)
# What they go on with, and what given names end in.
_JAPANESE_NAMES = frozenset("木田藤橋口村本山川野井上下原子郎一二三美男夫雄介太健恵香真也平")

Model = Callable[[str], Iterator[tuple[float, bool]]]


class Reading(NamedTuple):
    """What one encoding makes of the bytes."""

    encoding: str
    share: float  # of all readings together, 0..1
    common: float  # of the characters beyond ASCII, how many are to be expected there
    chars: int  # how many there are

    @property
    def confidence(self) -> float:
        """0..0.99; a few names prove less than many, and odd characters prove nothing."""
        seen = (self.common * self.chars + 4) / (self.chars + 5)
        return round(max(0.0, min(0.99, 1 - 2 * (1 - self.share), seen)), 2)


def readings(evidence: bytes, *, or_utf8: bool = False) -> list[Reading]:
    """What the bytes may be, the likeliest first; texts that are equal are there once."""
    evidence = evidence[:_MOST]
    evidence = evidence[: evidence.rfind(b"\n") + 1] or evidence
    candidates = ({"utf-8": (_UTF8_PRIOR, _anything)} if or_utf8 else {}) | _CANDIDATES
    found: dict[str, tuple[float, str, float, int]] = {}
    for name, (prior, model) in candidates.items():
        text = evidence.decode(name, errors="replace")
        words = [word for word in _WORD.findall(text) if not word.isascii()]
        verdicts = [verdict for word in words for verdict in model(word)]
        odds = math.log(prior) + _DOUBT * sum(logarithm for logarithm, _ in verdicts)
        common = sum(is_common for _, is_common in verdicts) / max(1, len(verdicts))
        before = found.get(text)
        if before is None:
            found[text] = (odds, name, common, len(verdicts))
        else:  # the one that was found first is the frequent one
            odds = max(odds, before[0]) + math.log1p(math.exp(-abs(odds - before[0])))
            found[text] = (odds, *before[1:])
    ranked = sorted(found.values(), reverse=True)
    weights = [math.exp(odds - ranked[0][0]) for odds, *_ in ranked]
    return [
        Reading(name, weight / sum(weights), common, chars)
        for weight, (_, name, common, chars) in zip(weights, ranked, strict=True)
    ]


def _anything(word: str) -> Iterator[tuple[float, bool]]:
    """By whichever alphabet explains the word best; every script has words of its own."""
    verdicts = [list(model(word)) for _, model in _CANDIDATES.values()]
    scripts = {unicodedata.name(char, "?").split()[0] for char in word}
    is_own = len(scripts) == 1 or (scripts <= {"LATIN", "MODIFIER"} and any(map(str.isascii, word)))
    chars = sum(not char.isascii() for char in word)
    verdicts.append([(math.log(1 / 300) if is_own else _WRONG, is_own)] * chars)
    yield from max(verdicts, key=lambda each: sum(logarithm for logarithm, _ in each))


def _alphabet(letters: tuple[str, str], *, is_latin: bool) -> Model:
    """Letters beyond ASCII: in a word with plain ones (Latin), or in words of their own."""
    frequent, others = letters
    chance = dict.fromkeys(others, 0.3 / len(others)) | dict.fromkeys(frequent, 0.7 / len(frequent))

    def model(word: str) -> Iterator[tuple[float, bool]]:
        has_plain = any(char.isascii() for char in word)
        fits = (has_plain or len(word) == 1) if is_latin else not has_plain
        before, oddities, run = "", 0, 0
        for at, char in enumerate(word):
            # Capitals stand at the beginning; accents side by side are rare.
            oddities += char.isupper() and before.islower() and not (char + before).isascii()
            run = run + 1 if is_latin and not char.isascii() else 0
            before = char
            if char.isascii():
                continue
            if char in _SIGNS:
                is_inside = 0 < at < len(word) - 1 and char not in _WITHIN_WORDS
                yield math.log(_SIGN_P * (_RARE if is_inside else 1)), not is_inside
            elif p := chance.get(char.lower()[0]):
                p *= (1 if fits else _RARE) * _SECOND ** (run - 1 if run else 0) * _RARE**oddities
                yield math.log(p / 2 if char.isupper() else p), fits and not oddities
            else:
                yield _WRONG, False
            oddities = 0
        if oddities:
            yield math.log(_RARE) * oddities, False

    return model


def _ideographs(chance: Callable[[str], float], surnames: frozenset[str]) -> Model:
    """Characters of a large set, in words of their own; Latin letters may have accents."""

    def model(word: str) -> Iterator[tuple[float, bool]]:
        for at, char in enumerate(word):
            if char.isascii():
                continue
            beside = word[at - 1 : at] + word[at + 1 : at + 2]
            has_plain = any(map(str.isascii, beside))
            if at == 0 and char in surnames:
                yield math.log(0.6 / len(surnames)), True
            elif char.isalpha() and char < "\u0250":
                yield math.log(0.1 / 60 * (1 if has_plain else _RARE)), has_plain
            elif char in _SIGNS or "\u3000" <= char <= "\u3020" or "\uff01" <= char <= "\uff5e":
                yield math.log(_SIGN_P), True
            elif p := chance(char):
                p *= (_RARE if has_plain else 1) * (0.4 if at == 0 else 1)
                yield math.log(p), p > 1e-5 and not has_plain
            else:
                yield _WRONG, False

    return model


@lru_cache(maxsize=8192)
def _lead(char: str, codec: str) -> int:
    """The first byte of a two-byte character; 0 where the codec has none."""
    try:
        raw = char.encode(codec)
    except UnicodeEncodeError:
        return 0
    return raw[0] if len(raw) == 2 else 0


def _chinese(char: str) -> float:
    if 0xB0 <= _lead(char, "gb2312") <= 0xD7:  # level 1: the frequent ones
        return 0.9 / 3755
    if 0xA4 <= _lead(char, "big5") <= 0xC6:
        return 0.1 / 5401
    return 1e-6 if "\u3400" <= char <= "\u9fff" or char >= "\U00020000" else 0.0


def _traditional(char: str) -> float:
    if 0xA4 <= _lead(char, "big5") <= 0xC6:  # level 1
        return 0.97 / 5401
    return 2e-6 if "\u4e00" <= char <= "\u9fff" else 0.0


def _japanese(char: str) -> float:
    if "\u3041" <= char <= "\u30ff":
        return 0.4 / 170
    if char in _JAPANESE_NAMES:
        return 0.3 / len(_JAPANESE_NAMES)
    if 0x88 <= _lead(char, "shift_jis") <= 0x97:  # JIS level 1
        return 0.27 / 2965
    return 2e-6 if "\u4e00" <= char <= "\u9fff" or "\uff61" <= char <= "\uff9f" else 0.0


def _korean(char: str) -> float:
    if 0xB0 <= _lead(char, "euc_kr") <= 0xC8:
        return 0.98 / 2350
    return 2e-6 if "\uac00" <= char <= "\ud7a3" or "\u4e00" <= char <= "\u9fff" else 0.0


_UTF8_PRIOR = 1.0  # as often as all others together
# How often lists come so, and what their characters are.  Equal texts are told by the first name.
_CANDIDATES: dict[str, tuple[float, Model]] = {
    "cp1252": (0.28, _alphabet(_WESTERN, is_latin=True)),
    "gb18030": (0.28, _ideographs(_chinese, _CHINESE | _TRADITIONAL)),
    "big5": (0.08, _ideographs(_traditional, _TRADITIONAL)),
    "cp932": (0.06, _ideographs(_japanese, _JAPANESE)),
    "cp949": (0.06, _ideographs(_korean, _KOREAN)),
    "cp1251": (0.06, _alphabet(_CYRILLIC, is_latin=False)),
    "cp1250": (0.05, _alphabet(_CENTRAL, is_latin=True)),
    "cp1254": (0.04, _alphabet(_TURKISH, is_latin=True)),
    "cp1253": (0.02, _alphabet(_GREEK, is_latin=False)),
    "euc_jp": (0.03, _ideographs(_japanese, _JAPANESE)),
    "cp1255": (0.01, _alphabet(_HEBREW, is_latin=False)),
    "cp1256": (0.01, _alphabet(_ARABIC, is_latin=False)),
    "cp1257": (0.01, _alphabet(_BALTIC, is_latin=True)),
    "cp1258": (0.005, _alphabet(_VIETNAMESE, is_latin=True)),
    "cp874": (0.005, _alphabet(_THAI, is_latin=False)),
    "koi8_r": (0.005, _alphabet(_CYRILLIC, is_latin=False)),
    "cp866": (0.005, _alphabet(_CYRILLIC, is_latin=False)),
    "cp850": (0.005, _alphabet(_WESTERN, is_latin=True)),
    "mac_roman": (0.005, _alphabet(_WESTERN, is_latin=True)),
}
