"""Who is left out of a plan for what an earlier campaign came to: `exclude` and `only`.

In: a campaign, the journals of others.  Out: skipped rows with their reasons.
Touches: the other journals, for reading; the plan that is made.
"""

from __future__ import annotations

from pathlib import Path

from campaign.config.earlier import GOT, EarlierPeople, read_earlier
from campaign.config.loader import Campaign, load_tables
from campaign.config.positions import Positions
from campaign.config.reading import read_config
from campaign.errors import ConfigError, JournalError, NoPlanError
from campaign.journal.planning.planning import Planning
from campaign.journal.reading.returned.people import people

LEFT_OUT = "left out"  # what the reasons begin with; an amendment looks them up anew


def leave_out_earlier(campaign: Campaign, planning: Planning) -> None:
    """Tell the plan, once its list is loaded, whom the entries of [recipients] leave out.

    Raises ConfigError, with the entry's line, for a campaign whose people are not known.
    """
    recipients = campaign.settings.recipients
    for key, entries in (("exclude", recipients.exclude), ("only", recipients.only)):
        for index, entry in enumerate(entries):
            earlier = read_earlier(entry)
            try:
                _leave_out(campaign, planning, earlier, is_only=key == "only")
            except (NoPlanError, JournalError) as error:
                line = Positions(campaign.text).line(("recipients", key, index))
                raise ConfigError(
                    f"{key} in [recipients]: '{earlier.folder}': {error.what}",
                    file=str(campaign.file),
                    line=line,
                    remedy=f"plan and send that campaign first, or take it out of {key}",
                ) from None


def _leave_out(
    campaign: Campaign, planning: Planning, earlier: EarlierPeople, *, is_only: bool
) -> None:
    folder = campaign.folder / Path(earlier.folder).expanduser()
    other = load_tables(folder, {"journal"})
    name = read_config(folder).tables.get("name", earlier.folder)
    what = f"got {name}" if earlier.word == GOT else f"{earlier.word} in {name}"
    what = f"not {what}" if earlier.is_not else what
    reason = f"{LEFT_OUT}: is not among those who: {what}" if is_only else f"{LEFT_OUT}: {what}"
    found = people(*other.journal, earlier.word, is_not=earlier.is_not)
    planning.leave_out(found, reason, others=is_only)
