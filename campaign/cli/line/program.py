"""The commands and their options, as typer reads them.

In: arguments.  Out: an exit code.  Touches: stdout, stderr.

The libraries behind a command are imported when the command runs, never here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Annotated

import typer
from typer.main import get_command

from campaign import __version__, records
from campaign.cli.line.endings import named
from campaign.cli.line.usage import usage_sentence
from campaign.errors import EXIT_DONE, UsageError

_COMPLETE = "_CAMPAIGN_COMPLETE"  # set by the script that --install-completion writes
# Each with its module in `commands`; a command line imports only what it names.
_COMMANDS = {
    "init": "before.init",
    "plan": "before.plan",
    "check": "before.check",
    "preview": "before.preview",
    "test": "before.test",
    "run": "during.run",
    "resume": "during.resume",
    "work": "during.work",
    "drain": "during.drain",
    "retry": "during.retry",
    "pause": "during.pause",
    "cancel": "during.cancel",
    "status": "after.status",
    "explain": "after.explain",
    "results": "after.results",
    "events": "after.events",
    "bounces": "after.bounces",
    "report": "after.report",
    "audit": "after.audit",
    "sandbox": "servers.sandbox",
    "dkim": "dkim",
    "suppress": "suppress",
    "serve": "servers.serve",
    "consume": "servers.consume",
    "webhooks": "during.webhooks",
    "verify": "before.verify",
    "mx": "before.mx",
    "probe": "before.probe",
}


def program(names: Iterable[str] = tuple(_COMMANDS)) -> typer.Typer:
    """The commands of these names, imported."""
    app = typer.Typer(
        rich_markup_mode=None,  # plain text reads well everywhere, and needs no 50 ms for rich
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
        epilog=(
            "PATH is a campaign.toml or its folder; left out, it is the current folder.\n\n"
            "campaign COMMAND --help shows the options and an example."
        ),
    )
    app.callback()(campaign)
    for name in names:
        module = import_module(f"campaign.cli.commands.{_COMMANDS[name]}")
        if hasattr(module, "COMMANDS"):
            app.add_typer(_group(module), name=name)
        else:
            _register(app, name, module.command, module.EXAMPLES)
    return app


def _group(module: ModuleType) -> typer.Typer:
    """Commands that have a second word, each a module of its own."""
    group = typer.Typer(
        rich_markup_mode=None,
        no_args_is_help=True,
        help=module.HELP,
        epilog=_examples([each for one in module.COMMANDS.values() for each in one.EXAMPLES]),
    )
    for name, one in module.COMMANDS.items():
        _register(group, name, one.command, one.EXAMPLES)
    return group


def is_compiled() -> bool:
    """Does the hot path run as machine code (setup.py)?"""
    return not records.__file__.endswith(".py")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"campaign {__version__}" + (", compiled" if is_compiled() else ""))
        raise typer.Exit


def campaign(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version)
    ] = False,
) -> None:
    """Send one personal message to each person on a list, and prove what became of every one."""


def _register(
    app: typer.Typer, name: str, command: Callable[..., int], examples: Sequence[str]
) -> None:
    app.command(name, epilog=_examples(examples))(named(command, name))


def _examples(examples: Sequence[str]) -> str:
    # \b keeps the lines as they are
    return "\b\n" + "\n".join(["Example:", *(f"  {example}" for example in examples)])


def invoke(arguments: list[str]) -> int:
    """Run the command and return its exit code.  Raises UsageError for what it cannot read."""
    # Typer's own `main` would turn Ctrl-C into 130 and a broken pipe into 1.
    if _COMPLETE in os.environ:  # the shell asks what may come next
        get_command(program(words_of_commands(os.environ.get("COMP_WORDS", ""))))(
            prog_name="campaign"
        )
    try:
        command = get_command(program(_asked(arguments)))
        with command.make_context("campaign", arguments) as context:
            code: int | None = command.invoke(context)
        return code or EXIT_DONE
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        raise UsageError(usage_sentence(error)) from None


def _asked(arguments: Sequence[str]) -> Iterable[str]:
    """The commands that have to be imported: the one that is named; none to print the version."""
    first = arguments[0] if arguments else ""
    if first == "--version":
        return ()
    return [first] if first in _COMMANDS else _COMMANDS


def words_of_commands(line: str) -> Sequence[str]:
    """Of the line that is being typed, the command whose options are wanted; all without one."""
    words = line.split()
    return words[1:2] if len(words) > 2 and words[1] in _COMMANDS else tuple(_COMMANDS)
