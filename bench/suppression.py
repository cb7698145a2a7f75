"""What the suppression store costs an address: imported, and looked up among millions.

python -m bench.suppression [--messages N] [--rounds N] [--full]
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh
from bench.watching import BenchError
from campaign.clock import SystemClock
from campaign.suppression.entries import EVERYWHERE, Reason
from campaign.suppression.imports import Importing
from campaign.suppression.store import SuppressionStore

ADDRESSES, ALL_ADDRESSES = 300_000, 10_000_000
_ASKED = 100_000  # half of them are in the store
_AT_ONCE = 100  # keys of a question, as a run asks for a batch of letters
_SCOPES = (EVERYWHERE, "newsletter")


def addresses(count: int, seed: int = 1) -> Iterator[str]:
    """The same for the same seed, in no order; none twice but by chance."""
    chance = random.Random(seed)
    for number in range(count):
        yield f"user{chance.getrandbits(40)}@example{number % 5000}.com"


def measure(options: Options) -> list[Row]:
    """Microseconds of an address imported, and of one looked up."""
    count = options.messages or (ALL_ADDRESSES if options.full else ADDRESSES)
    folder = fresh("suppression")
    lists = folder / "list.csv"
    with lists.open("w") as file:
        file.write("email\n")
        file.writelines(f"{address}\n" for address in addresses(count))
    found = by_turns(options.rounds, {"import": lambda: _imported(folder, lists, count)})["import"]
    asked = by_turns(options.rounds, {"look up": lambda: _looked_up(folder, count)})["look up"]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        Row("suppression", "suppress import, an address", [one.wall_us for one in found], "µs",
            at_most=12, note=f"{count:,} addresses: ten million in two minutes are 12 µs each"),
        Row("suppression", "suppress import, an address, CPU", [one.cpu_us for one in found], "µs"),
        Row("suppression", "suppression look-up, an address", [one.wall_us for one in asked], "µs",
            at_most=20, note=f"{_AT_ONCE} at once, among {count:,}; half of them found"),
        Row("suppression", "suppression look-up, an address, CPU", [one.cpu_us for one in asked],
            "µs"),
        Row("suppression", "suppress import, peak memory", [peak_mb], "MB", at_most=150),
    ]  # fmt: skip


class _Cost(NamedTuple):
    """Of one address."""

    wall_us: float
    cpu_us: float


class _Watch:
    """`taken(count)` is the cost of one of so many since it was made."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def taken(self, count: int) -> _Cost:
        wall_s, cpu_s = time.perf_counter() - self._wall_s, time.process_time() - self._cpu_s
        return _Cost(wall_s / count * 1e6, cpu_s / count * 1e6)


def _imported(folder: Path, lists: Path, count: int) -> _Cost:
    (folder / "suppression.sqlite").unlink(missing_ok=True)
    with _store(folder) as store:
        importing = Importing(lists, reason=Reason.IMPORT, now_s=time.time())
        watch = _Watch()
        added = store.load(importing.entries())
        cost = watch.taken(count)
    if added.new + added.known != count:
        raise BenchError(f"{count} addresses were imported as {added}")
    return cost


def _looked_up(folder: Path, count: int) -> _Cost:
    keys = list(addresses(min(count, _ASKED // 2)))
    keys += [f"not-{key}" for key in keys]
    random.Random(2).shuffle(keys)
    with _store(folder) as store:
        watch = _Watch()
        found = sum(
            len(store.lookup(keys[at : at + _AT_ONCE], _SCOPES))
            for at in range(0, len(keys), _AT_ONCE)
        )
        cost = watch.taken(len(keys))
    if found != len(keys) // 2:
        raise BenchError(f"{found} of {len(keys) // 2} were found")
    return cost


def _store(folder: Path) -> SuppressionStore:
    return SuppressionStore.open("sqlite:///suppression.sqlite", folder, SystemClock())


if __name__ == "__main__":
    main(measure)
