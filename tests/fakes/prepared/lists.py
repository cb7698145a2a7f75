"""What came out of some recipient files, in one place to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from campaign.config.settings import Recipients
from campaign.recipients.chunks import Chunk, Reject
from campaign.recipients.cleaning import clean
from campaign.records import Entry, Source


@dataclass
class Reading:
    """Everything that came out of some files."""

    sources: list[Source] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def add(self, chunk: Chunk, settings: Recipients) -> None:
        assert len(chunk.lines) == len(chunk.rows)
        if chunk.source_index == len(self.sources):
            self.sources.append(chunk.source)
        assert self.sources[chunk.source_index] == chunk.source
        self.lines += chunk.lines
        self.rows += chunk.rows
        self.rejects += chunk.rejects
        self.entries += clean(chunk, settings)

    @property
    def source(self) -> Source:
        (source,) = self.sources
        return source

    @property
    def refused(self) -> list[tuple[int, str]]:
        return [(reject.line, reject.reason) for reject in self.rejects]


Read = Callable[..., Reading]
