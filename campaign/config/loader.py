"""campaign.toml as a `Campaign`, or every fault of it at once.

In: the path of a campaign.toml or of its folder.  Out: `Campaign`.
Touches: the file, whether the files it names are there; its secrets and this host's addresses, if
asked to.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from campaign.config.checking.checks import (
    check_files,
    check_secrets,
    check_token_secrets,
    check_values,
    look_ahead,
    look_for_api_keys,
)
from campaign.config.checking.sources import check_sources
from campaign.config.positions import Positions
from campaign.config.reading import Whereabouts, read_config
from campaign.config.sections import fields_of, good_value
from campaign.config.settings import Settings
from campaign.config.validation import is_within, validate
from campaign.config.wording import Mistake
from campaign.errors import ConfigError, ConfigErrors

# A check of what one command needs: of the settings, in the campaign's folder.
LateCheck = Callable[[Settings, Path], Iterable[Mistake]]
_OPENED = ('= """', '="""', "= '''", "='''")  # a text begins, on the next line


@dataclass(frozen=True)
class Campaign:
    """A campaign.toml that was read and found good."""

    file: Path  # absolute
    folder: Path  # absolute; what the file names is relative to it
    settings: Settings
    sha256: str  # of the file's bytes, hex
    text: str = field(default="", repr=False, compare=False)  # of the file

    def first_lines(self, paths: Iterable[tuple[str | int, ...]]) -> list[int]:
        """Where the text of each key begins; of one that is not there, the line of its table."""
        positions, lines = Positions(self.text), self.text.splitlines()
        found = [positions.line(path) for path in paths]
        # TOML leaves out the line end behind three quotes.
        return [at + lines[at - 1].rstrip().endswith(_OPENED) if lines else at for at in found]

    def warnings(self) -> list[ConfigError]:
        """What a run or a server will miss, though not a plan; in the order of the file."""
        missed = look_for_api_keys(self.settings, self.folder)
        return self.placed([*self._missed_by_run(), *missed])

    def refusals(self) -> list[ConfigError]:
        """Those of them for which a run is refused."""
        return self.placed(self._missed_by_run())

    def _missed_by_run(self) -> list[Mistake]:
        return [*look_ahead(self.settings, self.folder), *check_sources(self.settings)]

    def placed(self, mistakes: Iterable[Mistake]) -> list[ConfigError]:
        """Mistakes with their lines, in the order of the file."""
        return _placed(mistakes, str(self.file), self.text)

    @property
    def journal(self) -> Whereabouts:
        return Whereabouts(self.settings.journal.url, self.folder)


def load(
    path: Path,
    *,
    need_secrets: bool = False,
    need_letters: bool = False,
    also: Iterable[LateCheck] = (),
) -> Campaign:
    """Read and check the whole file; `need_secrets` also fetches each secret once, and looks for
    the addresses to send from; `need_letters`: those without which no letter can be made; `also`:
    what this command needs beside that.

    Raises ConfigErrors with every fault, in the order of the file.
    """
    config = read_config(path)
    settings, faults, mended = validate(config.tables)
    found = [*check_values(settings), *check_files(settings, config.folder)]
    if need_secrets:
        found += [*check_secrets(settings, config.folder), *check_sources(settings)]
    elif need_letters:
        found += check_token_secrets(settings, config.folder)
    for check in also:
        found += check(settings, config.folder)
    faults += [fault for fault in found if not is_within(fault.path, mended)]
    if faults:
        raise ConfigErrors(_placed(faults, config.name, config.text))
    return Campaign(config.file, config.folder, settings, config.sha256, config.text)


def load_tables(
    path: Path,
    names: Collection[str],
    *,
    need_letters: bool = False,
    also: Iterable[LateCheck] = (),
) -> Campaign:
    """These tables alone: whatever else the file has, or lacks, is passed over.

    Nothing but these tables is to be read of the settings that come back; `need_letters` and `also`
    as of `load`.  Raises ConfigErrors.
    """
    config = read_config(path)
    tables = {name: table for name, table in config.tables.items() if name in names}
    for name, key in fields_of(Settings).items():
        if key.is_required() and name not in names:
            tables[name] = good_value(key)
    settings, faults, mended = validate(tables)
    found = [*check_values(settings)]
    if need_letters:
        found += check_token_secrets(settings, config.folder)
    for check in also:
        found += check(settings, config.folder)
    faults += [fault for fault in found if not is_within(fault.path, mended)]
    if own := [fault for fault in faults if fault.path[:1] and fault.path[0] in names]:
        raise ConfigErrors(_placed(own, config.name, config.text))
    return Campaign(config.file, config.folder, settings, config.sha256, config.text)


def _placed(faults: Iterable[Mistake], file: str, text: str) -> list[ConfigError]:
    """Faults with their lines, in the order of the file; what has no place stands at its end."""
    positions = Positions(text)
    errors = [
        ConfigError(what, file=file, line=positions.line(at) if at else 0, remedy=remedy)
        for at, what, remedy in faults
    ]
    return sorted(errors, key=lambda error: error.line or sys.maxsize)
