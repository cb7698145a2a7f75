"""Where the letters of a run leave: its relays, or the mail servers of each domain.

In: a campaign, what the run was told.  Out: an `Outlet`.  Touches: nothing until letters come.
"""

from __future__ import annotations

from collections.abc import Callable

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.delivery.run_records import RunOptions
from campaign.errors import CampaignError
from campaign.journal.reading.reader import Reader
from campaign.pool.outlet import relay_pool
from campaign.pool.relays import Outlet
from campaign.pool.terms import Ledger
from campaign.records import Letter


def outlet_of(
    campaign: Campaign,
    options: RunOptions,
    ledger: Ledger,
    reader: Reader,
    clock: Clock,
    *,
    give_back: Callable[[list[Letter]], None],
    on_low: Callable[[], None],
    must_stop: Callable[[CampaignError], None],
    say: Callable[[str], None],
    on_trial: bool,
) -> Outlet:
    """`on_trial`: the last run was refused as a sender; one letter goes first."""
    settings, override = campaign.settings, options.relay_override
    if settings.direct and not override:
        # With DNS and MTA-STS it takes a sixth of the start; a relay needs none of it.
        from campaign.pool.direct_outlet import direct_outlet

        return direct_outlet(
            campaign,
            settings.direct,
            ledger,
            reader,
            clock,
            give_back=give_back,
            on_low=on_low,
            must_stop=must_stop,
            say=say,
            transcript=options.transcript,
            patience=options.patience,
            on_trial=on_trial,
        )
    return relay_pool(
        campaign,
        (override,) if override else settings.relay,
        ledger,
        reader,
        clock,
        give_back=give_back,
        on_low=on_low,
        must_stop=must_stop,
        say=say,
        transcript=options.transcript,
        patience=options.patience,
        no_wait=options.no_wait,
        on_trial=on_trial,
    )
