"""A command line that cannot be read, told in one sentence.

In: typer's exception.  Out: a sentence.  Touches: nothing.

Typer lets pydantic read the values of options, and repeats what pydantic says of them; that is
written for programmers ("Input should be less than or equal to 65535").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

_WANTED = {"int": "a whole number", "float": "a number", "bool": "yes or no"}


def usage_sentence(error: typer.TyperException) -> str:
    """The complaint as one sentence that names the command; the help itself if none was named."""
    context: Any = getattr(error, "ctx", None)
    found: Any = getattr(error.__cause__, "errors", None)
    if found is not None:  # it stems from a ValidationError, whose class need not be imported here
        first = found()[0]
        error.message = _said(first["type"], first["input"], first.get("ctx", {}))
    message = error.format_message()
    if context is None or message == context.get_help():
        return message
    return f"{message.rstrip('.')} ({context.command_path} --help shows what there is)"


def _said(kind: str, value: Any, context: Mapping[str, Any]) -> str:
    """One pydantic error (its type, input and ctx) as a person would put it."""
    shown = ascii(value) if not str(value).isprintable() else f"'{value}'"
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind == "less_than_equal":
        return f"{shown} is too large; it must be at most {context['le']}"
    if kind == "greater_than_equal":
        return f"{shown} is too small; it must be at least {context['ge']}"
    wanted = _WANTED.get(kind.partition("_")[0])
    return f"{shown} is not {wanted}" if wanted else f"{shown} cannot be used here"
