"""The manual page campaign(1), made from the commands.

In: the commands with their options.  Out: a page in man(7).  Touches: nothing.

    python -m campaign.cli.line.manual > docs/campaign.1

A wheel installs it as share/man/man1/campaign.1; a test asks that it is the program's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from campaign import __version__
from campaign.cli.line.program import program

_CODES = (
    (0, "Every recipient is settled and none is held."),
    (1, "Settled, but some failed, are held, or were skipped because no message could be made; or"
        " a check found something that fails."),
    (64, "The command line is wrong."),
    (65, "The recipient data are wrong."),
    (69, "The relay cannot be reached."),
    (70, "A fault of campaign itself."),
    (74, "The journal, or the suppression store, cannot be read or written."),
    (75, "Interrupted, paused, or another run holds the journal: campaign resume goes on."),
    (77, "The relay refused the login."),
    (78, "campaign.toml or a template is wrong."),
)  # fmt: skip
_VARIABLES = (
    ("CAMPAIGN_TRACEBACK", "1 prints what a report of a fault (exit status 70) needs."),
    ("NO_COLOR, FORCE_COLOR", "Never, or always, colour what is printed."),
    ("any name", "Secrets are read where campaign.toml says so: password = { env = \"NAME\" }."),
)  # fmt: skip
_FILES = (
    ("campaign.toml", "The settings. Every key: docs/config.md."),
    ("state/journal.sqlite", "What was planned and what became of it; for its owner only."),
    ("suppression.sqlite", "Who must not be written to, where [suppression] names it."),
)
_DESCRIPTION = (
    "campaign sends one personal message to each person on a list, and can prove afterwards what"
    " became of every one of them. A campaign is a folder: campaign.toml, Jinja2 templates, lists"
    " of recipients. PATH is a campaign.toml or its folder; left out, it is the current folder.",
    "Killed at any instant, nobody is lost, at most one recipient per open connection is in doubt,"
    " and each of them is named. campaign resume goes on.",
)


def manual() -> str:
    """The whole page."""
    group: Any = get_command(program())
    lines = [f'.TH CAMPAIGN 1 "" "campaign {__version__}" "User Commands"', ".SH NAME"]
    lines += [r"campaign \- send one personal message to each person on a list", ".SH SYNOPSIS"]
    lines += [r".B campaign", r".I COMMAND", r"[\fIOPTIONS\fR] [\fIPATH\fR]", ".SH DESCRIPTION"]
    for paragraph in _DESCRIPTION:
        lines += [".PP", _text(paragraph)]
    lines.append(".SH COMMANDS")
    for name, command in group.commands.items():
        if subcommands := getattr(command, "commands", None):
            for second, inner in subcommands.items():
                lines += _command(f"{name} {second}", inner)
        else:
            lines += _command(name, command)
    for title, pairs in (("EXIT STATUS", _CODES), ("ENVIRONMENT", _VARIABLES), ("FILES", _FILES)):
        lines.append(f".SH {title}")
        for term, meaning in pairs:
            lines += [".TP", f".B {_text(str(term))}", _text(meaning)]
    lines += [".SH SEE ALSO", "The documentation beside the source, from docs/index.md on."]
    return "\n".join(lines) + "\n"


def _command(name: str, command: Any) -> Iterator[str]:
    """One command: what it does, its arguments and options, its examples."""
    context = command.make_context(f"campaign {name}", [], resilient_parsing=True)
    usage = command.get_usage(context).removeprefix("Usage: ").replace("\n", " ")
    yield f'.SS "{_text(" ".join(usage.split()))}"'
    for paragraph in re.split(r"\n\s*\n", (command.help or "").strip()):
        yield from (".PP", _text(" ".join(paragraph.split())))
    for each in command.params:
        if "--help" not in each.opts and (record := each.get_help_record(context)):
            yield from (".TP", f".B {_text(record[0])}", _text(" ".join(record[1].split())))
    examples = [line.strip() for line in (command.epilog or "").splitlines()[2:] if line.strip()]
    if examples:
        yield from (".PP", "For example:", ".PP", ".nf")
        yield from (f"    {_text(example)}" for example in examples)
        yield ".fi"


def _text(text: str) -> str:
    """What man(7) shows as it stands."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    print(manual(), end="")
