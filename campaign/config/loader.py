"""campaign.toml as a `Campaign`, or every fault of it at once.

In: the path of a campaign.toml or of its folder.  Out: `Campaign`.
Touches: the file, whether the files it names are there, and its secrets if asked to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from campaign.config.checks import check_files, check_secrets, check_values
from campaign.config.positions import Positions
from campaign.config.reading import Whereabouts, read_config
from campaign.config.settings import Settings
from campaign.config.validation import is_within, validate
from campaign.errors import ConfigError, ConfigErrors


@dataclass(frozen=True)
class Campaign:
    """A campaign.toml that was read and found good."""

    file: Path  # absolute
    folder: Path  # absolute; what the file names is relative to it
    settings: Settings
    sha256: str  # of the file's bytes, hex

    @property
    def journal(self) -> Whereabouts:
        return Whereabouts(self.settings.journal.url, self.folder)


def load(path: Path, *, need_secrets: bool = False) -> Campaign:
    """Read and check the whole file; `need_secrets` also fetches each secret once.

    Raises ConfigErrors with every fault, in the order of the file.
    """
    config = read_config(path)
    settings, faults, mended = validate(config.tables)
    found = [*check_values(settings), *check_files(settings, config.folder)]
    if need_secrets:
        found += check_secrets(settings, config.folder)
    faults += [fault for fault in found if not is_within(fault.path, mended)]
    if faults:
        positions = Positions(config.text)
        errors = [
            ConfigError(what, file=config.name, line=positions.line(at), remedy=remedy)
            for at, what, remedy in faults
        ]
        raise ConfigErrors(sorted(errors, key=lambda error: error.line))
    return Campaign(config.file, config.folder, settings, config.sha256)
