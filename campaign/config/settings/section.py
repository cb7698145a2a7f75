"""What every table of campaign.toml has in common.

In: plain dicts from TOML.  Out: frozen pydantic models.  Touches: nothing; files and secrets are
looked at by `checks` and `secrets`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, model_validator

from campaign.config.values import as_list

WITHOUT_RULES = "without rules"  # validation context: read what breaks a rule between keys


class RuleError(ValueError):
    """Keys of one table do not go together; `keys` were judged, the first is to blame.  A key of a
    table within it is written with a dot."""

    def __init__(self, what: str, remedy: str, *keys: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy
        self.keys = keys


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values are frozen."""

    # A table is part of the schema of the whole file, and is built once, with that: 40 ms less of
    # every command that reads a campaign.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    def rules(self) -> Iterator[RuleError]:
        """What is wrong between the keys of this table, each key being right by itself."""
        return iter(())

    @model_validator(mode="after")
    def _keep_rules(self, info: ValidationInfo) -> Self:
        if info.context != WITHOUT_RULES:
            for broken in self.rules():
                raise broken
        return self


class Secret(Section):
    """Where a secret comes from; it is never written into campaign.toml itself."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    env: str | None = None
    """Name of an environment variable that holds it."""
    file: str | None = None
    """File that holds it, relative to campaign.toml; only its owner may read it (mode 600)."""
    command: str | None = None
    """Command that prints it, run without a shell: "pass show mail/relay"."""

    def rules(self) -> Iterator[RuleError]:
        if sum(value is not None for value in (self.env, self.file, self.command)) != 1:
            yield RuleError(
                "a secret comes from exactly one of env, file, command",
                'write for example { env = "SMTP_PASSWORD" }',
            )


Secrets = Annotated[
    tuple[Secret, ...],
    BeforeValidator(as_list, json_schema_input_type=Secret | list[Secret]),
]
