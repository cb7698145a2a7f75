"""What of a campaign makes its letters, and what of it is other than it was planned.

In: settings, what a plan recorded, what there is now.  Out: recorded values, `Difference`s.
Touches: nothing.

A plan records the SHA-256 of every list and template, and each setting that the letters are made
from with its value, so that a change can be named.  Settings that only say how letters travel may
change at any time: they count from the next run, and a plan does not know them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from campaign.config.settings import Settings

# Tables that change neither who gets a letter nor what stands in it.  Every other table does.
NOT_IN_LETTERS = frozenset(
    {"relay", "direct", "limits", "delivery", "journal", "dns", "dkim", "suppression", "bounces"}
    | {"check", "schedule", "ramp", "serve", "intake", "webhook", "fleet"}
)
# A run reads the lists again by itself; secrets rotate, and the old ones are read for ever.
_NOT_FROZEN = frozenset({"[recipients] suppress", "[unsubscribe] secret"})
_SHOWN_CHARACTERS = 60  # of a value
_SHOWN = 8  # differences named in one sentence


class Difference(NamedTuple):
    """One input that is not what was planned."""

    name: str  # a file, or a setting: "[message] subject"
    before: str  # the setting's value as TOML writes it, "" of a file
    now: str

    def __str__(self) -> str:
        return f"{self.name}: {self.before} → {self.now}" if self.before else self.name


def letter_settings(settings: Settings) -> dict[str, str]:
    """The settings that letters are made from: "[message] subject" -> its value as JSON.

    Defaults are left out, so a new version of this program drifts from no plan.
    """
    dumped = settings.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude=set(NOT_IN_LETTERS)
    )
    return {name: value for name, value in _flat(dumped) if name not in _NOT_FROZEN}


def _flat(tables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for table, content in tables.items():
        match content:
            case dict():
                for path, value in _leaves(content):
                    yield f"[{table}] {path}", _as_json(value)
            case [dict(), *_]:
                for number, each in enumerate(content, 1):
                    for path, value in _leaves(each):
                        yield f"[[{table}]] {number} {path}", _as_json(value)
            case _:
                yield f"[] {table}", _as_json(content)


def _leaves(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{path}", leaf) for path, leaf in _leaves(value))
        else:
            yield key, value


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def differences(
    planned: Mapping[str, str], now: Mapping[str, str], config: str
) -> list[Difference]:
    """Everything that is on one side only, or other on both; files first.

    `config` names the file of the settings.  Its own hash says nothing where the settings
    themselves were recorded: a comment, or how letters travel, may have changed.
    """
    has_settings = any(name.startswith("[") for name in planned)
    if not has_settings:  # a plan of an older version, which kept the file's hash alone
        now = {name: value for name, value in now.items() if not name.startswith("[")}
    return [
        _difference(name, planned, now)
        for name in sorted(planned.keys() | now.keys(), key=lambda name: (name[:1] == "[", name))
        if planned.get(name) != now.get(name) and not (has_settings and name == config)
    ]


def _difference(name: str, planned: Mapping[str, str], now: Mapping[str, str]) -> Difference:
    if not name.startswith("["):
        return Difference(name, "", "")
    return Difference(name.removeprefix("[] "), _shown(planned.get(name)), _shown(now.get(name)))


def _shown(value: str | None) -> str:
    if value is None:
        return "(not set)"
    return value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}…"


def sentence(changed: list[Difference]) -> str:
    """The differences in one line: 'body.txt, [message] subject: "a" → "b"'."""
    named = ", ".join(str(each) for each in changed[:_SHOWN])
    return f"{named} and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else named
