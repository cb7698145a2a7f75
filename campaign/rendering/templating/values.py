"""Which values of an expression may stand in a letter: text and numbers, no Python object.

In: values.  Out: the same values.  Touches: nothing.
Fails with UnprintableError, a ValueError, which says what to write instead.

A cell is text.  What templates do with it by accident (a method that is not called, digits that are
joined where a sum was meant, a list that is printed) would be read by the recipient.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from types import BuiltinMethodType, FunctionType, MethodType, MethodWrapperType
from typing import Any

from jinja2 import Undefined
from markupsafe import Markup

from campaign.rendering.templating.generated import with_context

FUNCTIONS = (BuiltinMethodType, FunctionType, MethodType, MethodWrapperType, type)

_TEXTS = frozenset({str, Markup, int})
_NUMBERS = (float, Decimal)
_INFINITE = (math.inf, -math.inf)
_DIGITS = re.compile(r"\s*[+-]?\d[\d.,'\s]*%?\s*")
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
}
# Filters that print what they are given, each also with its arguments.
_PRINTING = (
    "capitalize", "center", "e", "escape", "forceescape", "format", "indent", "lower", "replace",
    "safe", "string", "striptags", "title", "trim", "truncate", "upper", "urlize", "wordcount",
    "wordwrap",
)  # fmt: skip


class UnprintableError(ValueError):
    """An expression gave what nobody wants to read."""


class Columns(dict[str, str]):
    """The cells of a row by the names of their columns; `columns.items` is a cell if there is one
    called so."""


def printed(value: Any) -> Any:
    """The value, if it is text or a number.

    Raises UnprintableError, and what an undefined value raises.
    """
    if type(value) in _TEXTS:
        return value
    if isinstance(value, Undefined):
        str(value)  # raises, and names what is undefined
    if isinstance(value, _NUMBERS):
        if value != value or value in _INFINITE:
            raise UnprintableError(f"an expression gives {value}")
        return value
    if isinstance(value, str | int | date | time) and not isinstance(value, bool):
        return value
    raise UnprintableError(f"an expression gives {_described(value)}")


def _described(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, bool):
        return f"{value}, not a text: write {{{{ 'yes' if ... else 'no' }}}}"
    if isinstance(value, FUNCTIONS) or callable(value):
        return "a function and not its result: write () behind its name"
    if isinstance(value, Mapping) and not isinstance(value, Columns):
        return "an object and not a text: write the name of one of its fields, as order.city"
    if isinstance(value, Mapping):
        return "a whole row and not a cell: write the name of its column, as row.city"
    if isinstance(value, list | tuple | set | Iterator):
        return "a list: write {{ x | join(', ') }}, or print its items in a loop"
    return f"a {type(value).__name__} and not a text"


def compare(order: str, left: Any, right: Any) -> bool:
    """`left < right` and the like."""
    if isinstance(left, str) and isinstance(right, str):
        refuse_digits(f"{left!r} and {right!r} are compared as texts, digit by digit", left, right)
    return _COMPARED[order](left, right)


def refuse_digits(what: str, left: Any, right: Any) -> None:
    """Raise UnprintableError where both are texts that are numbers."""
    if (
        isinstance(left, str)
        and isinstance(right, str)
        and _DIGITS.fullmatch(left)
        and _DIGITS.fullmatch(right)
    ):
        raise UnprintableError(
            f"{what}: write | int or | float behind a number to reckon with it,"
            " ~ between texts to join them"
        )


def guarded_filters(filters: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """jinja2's and ours, none of which prints a Python object or lets an undefined value through.

    `pprint`, which writes Python's notation, is not among them.
    """
    before: dict[str, Callable[[Any, tuple[Any, ...]], None]] = dict.fromkeys(_PRINTING, _print_all)
    after: dict[str, Callable[[Any], Any]] = {"map": _defined, "groupby": _defined_groups}
    found = {
        name: with_context(use, before.get(name), after.get(name))
        for name, use in filters.items()
        if name != "pprint"
    }
    found["join"] = with_context(_joined_by(filters["join"]))
    found["int"] = with_context(_int)
    found["float"] = with_context(_float)
    return found


def _print_all(value: Any, args: tuple[Any, ...]) -> None:
    printed(value)
    for arg in args:
        if isinstance(arg, FUNCTIONS):
            printed(arg)


def _defined(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, Undefined):
            str(value)
        yield value


def _defined_groups(groups: list[Any]) -> list[Any]:
    for group in groups:
        if isinstance(group[0], Undefined):
            str(group[0])
    return groups


def _joined_by(join: Callable[..., str]) -> Callable[..., str]:
    def joined(eval_context: Any, values: Iterable[Any], d: str = "", attribute: Any = None) -> str:
        if attribute is None:
            values = [printed(value) for value in values]
        return join(eval_context, values, d, attribute)

    joined.jinja_pass_arg = join.jinja_pass_arg  # type: ignore[attr-defined]
    return joined


_NO_DEFAULT = object()


def _int(value: Any, default: Any = _NO_DEFAULT, base: int = 10) -> Any:
    """As jinja2's, but a text that is not a number is no 0 unless the template says so."""
    try:
        return int(value, base) if isinstance(value, str) else int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return _default(value, default, "int")


def _float(value: Any, default: Any = _NO_DEFAULT) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return _default(value, default, "float")


def _default(value: Any, default: Any, name: str) -> Any:
    if isinstance(value, Undefined):
        str(value)
    if default is not _NO_DEFAULT:
        return default
    raise UnprintableError(f"{str(value)[:60]!r} is not a number: | {name}(0) gives 0 for it")
