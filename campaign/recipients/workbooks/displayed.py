"""A cell of a workbook as Excel displays it.

In: a value and its number format.  Out: text.  Touches: nothing.

Number formats are those of ECMA-376 part 1, 18.8.31: sections for positive, negative and zero,
placeholders `0 # ?`, thousands, percent, dates, elapsed time, literals and currency signs.  What
depends on the reader's Windows is written the unambiguous way: the short date as 2024-01-31.
"""

from __future__ import annotations

import datetime
import re
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(
    r'(?P<general>General)|"(?P<text>[^"]*)"|\\(?P<escaped>.)|_(?P<space>.)|\*.|\[\$(?P<sign>[^\]-]*)[^\]]*\]'
    r"|\[(?P<elapsed>h+|m+|s+)\]|\[[^\]]*\]|(?P<half>AM/PM|A/P|上午/下午)"
    r"|(?P<date>y+|m+|d+|h+|s+(?:\.0+)?)|(?P<exponent>E[+-]0+)|(?P<digit>[0#?])|(?P<rest>.)",
    re.IGNORECASE | re.DOTALL,
)
# The built-in formats 14 and 22, which Excel shows as the system's short date.
_SYSTEM_DATES = {"mm-dd-yy": "yyyy-mm-dd", "m/d/yy h:mm": "yyyy-mm-dd hh:mm"}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_EXACT = Context(prec=400)  # the largest float has 309 digits

_Tokens = tuple[tuple[str, str], ...]


def displayed(value: Any, number_format: str) -> str:
    """Text as it stands in the cell; "" for an empty one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value, number_format)
    if isinstance(value, datetime.timedelta):
        return _elapsed(value, number_format)
    return _date(value, _SYSTEM_DATES.get(number_format, number_format))


def unescaped(text: str) -> str:
    """`_x000D_` as the character it stands for (ECMA-376 part 1, 22.9.2.19)."""
    if "_x" not in text:
        return text
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    # Characters beyond the first 65,536 are written as two; a carriage return ends a line.
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\r\n", "\n")


def _number(value: float, number_format: str) -> str:
    sections = _sections(number_format)
    negative = value < 0
    if len(sections) > 2 and value == 0:
        section = sections[2]
    elif len(sections) > 1 and negative:
        section, negative = sections[1], False
    else:
        section = sections[0]
    kinds = {kind for kind, _ in section}
    sign = "-" if negative else ""
    if "exponent" in kinds:
        return sign + _scientific(abs(value), section)
    if ("rest", "/") in section or ("rest", "@") in section:
        return sign + _general(abs(value))  # fractions; numbers typed into cells made for text
    if "digit" in kinds:
        return sign + _placed(abs(value), section)
    return sign + "".join(
        _general(abs(value)) if kind == "general" else text for kind, text in section
    )


def _general(value: float) -> str:
    """All digits Excel keeps.

    It shows 8613800138000 as 8.6138E+12, but nobody who keeps telephone numbers means that.
    """
    if isinstance(value, int) or (value.is_integer() and value < 1e15):
        return str(int(value))
    return f"{value:.15g}"


def _placed(value: float, section: _Tokens) -> str:
    """The digits put into the placeholders, from the decimal point to both sides."""
    digits = [at for at, (kind, _) in enumerate(section) if kind == "digit"]
    point = next((at for at, token in enumerate(section) if token == ("rest", ".")), digits[-1] + 1)
    whole = [at for at in digits if at < point]
    parts = [at for at in digits if at > point]
    commas = [at for at, token in enumerate(section) if token == ("rest", ",")]
    grouped = any(whole[0] < at < whole[-1] for at in commas) if whole else False
    thousands = sum(at > digits[-1] for at in commas)
    percents = sum(token == ("rest", "%") for token in section)
    number = Decimal(str(value)).scaleb(2 * percents - 3 * thousands)
    number = number.quantize(Decimal(1).scaleb(-len(parts)), ROUND_HALF_UP, _EXACT)
    left, _, right = f"{number:f}".partition(".")
    out = [text for _, text in section]
    for at in commas:
        if at > digits[0]:
            out[at] = ""
    _place_whole(left.lstrip("0"), whole, section, out, grouped)
    while parts and right.endswith("0") and section[parts[len(right) - 1]][1] != "0":
        out[parts[len(right) - 1]] = " " if section[parts[len(right) - 1]][1] == "?" else ""
        right = right[:-1]
    for at, digit in zip(parts, right, strict=False):
        out[at] = digit
    return "".join(out)


def _place_whole(
    digits: str, places: list[int], section: _Tokens, out: list[str], grouped: bool
) -> None:
    count = 0
    for at in reversed(places):
        empty = {"0": "0", "?": " ", "#": ""}[section[at][1]]
        taken = digits[-1:] or empty
        digits = digits[:-1]
        if at == places[0]:
            taken, digits = digits + taken, ""
        text = ""
        for digit in reversed(taken):
            text = digit + ("," if grouped and count and count % 3 == 0 else "") + text
            count += digit.isdigit()
        out[at] = text


def _scientific(value: float, section: _Tokens) -> str:
    at = next(at for at, (kind, _) in enumerate(section) if kind == "exponent")
    mantissa = "".join(text for _, text in section[:at])
    decimals = len(mantissa.partition(".")[2])
    number, _, exponent = f"{value:.{decimals}E}".partition("E")
    sign = "-" if exponent[0] == "-" else "+" if "+" in section[at][1] else ""
    width = section[at][1].count("0")
    tail = "".join(text for _, text in section[at + 1 :])
    return f"{number}E{sign}{abs(int(exponent)):0{width}d}{tail}"


def _date(value: datetime.datetime | datetime.date | datetime.time, number_format: str) -> str:
    if isinstance(value, datetime.time):
        value = datetime.datetime.combine(datetime.date(1900, 1, 1), value)
    elif not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time())
    section = _sections(number_format)[0]
    if not any("." in text for kind, text in section if kind == "date"):
        value = (value + datetime.timedelta(milliseconds=500)).replace(microsecond=0)
    is_12_hour = any(kind == "half" for kind, _ in section)
    out = []
    for at, (kind, text) in enumerate(section):
        if kind == "half":
            out.append(text.split("/")[value.hour >= 12])
        elif kind == "elapsed":
            out.append(f"{value.hour:0{len(text)}d}")
        elif kind == "date":
            token = text.lower()
            if token in {"m", "mm"} and _is_minute(section, at):
                token = token.replace("m", "n")
            out.append(_date_part(value, token, is_12_hour))
        else:
            out.append(text)
    return "".join(out)


def _date_part(value: datetime.datetime, token: str, is_12_hour: bool) -> str:
    width = min(2, len(token))
    match token[0]:
        case "y":
            return f"{value.year:04d}" if len(token) > 2 else f"{value.year % 100:02d}"
        case "m":
            name = _MONTHS[value.month - 1]
            names = {3: name[:3], 4: name, 5: name[0]}
            return names.get(len(token)) or f"{value.month:0{width}d}"
        case "d":
            name = _DAYS[value.weekday()]
            return {3: name[:3], 4: name}.get(len(token)) or f"{value.day:0{width}d}"
        case "h":
            return f"{(value.hour - 1) % 12 + 1 if is_12_hour else value.hour:0{width}d}"
        case "n":
            return f"{value.minute:0{width}d}"
    seconds, _, fraction = token.partition(".")
    text = f"{value.second:0{min(2, len(seconds))}d}"
    return f"{text}.{f'{value.microsecond:06d}'[: len(fraction)]}" if fraction else text


def _is_minute(section: _Tokens, at: int) -> bool:
    """`m` is a minute after hours or before seconds, else a month."""
    times = [text[0].lower() for kind, text in section[:at] if kind in {"date", "elapsed"}]
    after = [text[0].lower() for kind, text in section[at + 1 :] if kind in {"date", "elapsed"}]
    return times[-1:] == ["h"] or after[:1] == ["s"]


def _elapsed(value: datetime.timedelta, number_format: str) -> str:
    total = round(value.total_seconds())
    sign, total = ("-", -total) if total < 0 else ("", total)
    units = {"h": 3600, "m": 60, "s": 1}
    out = []
    for kind, text in _sections(number_format)[0]:
        if kind in {"elapsed", "date"} and text[0].lower() in units:
            count, total = divmod(total, units[text[0].lower()])
            out.append(f"{count:0{len(text.partition('.')[0])}d}")
        else:
            out.append(text)
    return sign + "".join(out)


@lru_cache(maxsize=1024)
def _sections(number_format: str) -> tuple[_Tokens, ...]:
    """The sections of a format, each as (kind, text); literals have their own text."""
    sections: list[list[tuple[str, str]]] = [[]]
    for found in _TOKEN.finditer(number_format):
        kind = found.lastgroup or ""
        text = found[kind] if kind else ""
        if (kind, text) == ("rest", ";"):
            sections.append([])
        elif kind:
            sections[-1].append((kind, " " if kind == "space" else text))
    return tuple(map(tuple, sections))
