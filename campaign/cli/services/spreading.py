"""Over whom a plan or a check spreads the making of letters, for `--fleet`.

In: a campaign, how many workers.  Out: an `in_order.Spread`.
Touches: the cluster of [fleet] dask, while it is used.
Fails with ConfigError where no cluster is named, UsageError where none answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from campaign.errors import ConfigError

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.workers.in_order import Spread


def refuse_without_cluster(campaign: Campaign) -> None:
    """Raises ConfigError."""
    if not campaign.settings.fleet.dask:
        raise ConfigError(
            "--fleet renders with the workers of a Dask cluster, and [fleet] dask names none",
            file=str(campaign.file),
            remedy="name its scheduler there, or leave --fleet out: all cores of this machine"
            " render without it too",
        )


@contextmanager
def spread_of(
    campaign: Campaign, fleet: int | None, workers: int | None, say: Callable[[str], None]
) -> Iterator[Spread]:
    """`fleet`: workers of the cluster, 0: all, None: this machine alone, as where there is none.
    `workers`: render processes here and of each; None: one for each core, and each of its threads.
    """
    from campaign.workers.in_order import alone

    if fleet is None or not campaign.settings.fleet.dask:
        yield alone
        return
    from campaign.fleet.cluster import connected
    from campaign.fleet.spreading import spread_over
    from campaign.planning.letter_files import letter_files

    with connected(campaign.settings.fleet.dask, 0) as connection:
        files = partial(letter_files, campaign)
        yield spread_over(connection, files=files, most=fleet, processes=workers or 0, say=say)
