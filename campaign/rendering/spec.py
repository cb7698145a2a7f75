"""What rendering needs to know of a campaign, in a form that travels to another process.

In: settings.  Out: frozen records; what holds a secret stays behind when they are pickled.
Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from campaign.addresses.tokens import EVERYTHING, UnsubscribeTokens
from campaign.records import Job
from campaign.rendering.asked import list_of
from campaign.rendering.places import TextPlace

if TYPE_CHECKING:  # pydantic stays out of the render workers
    from campaign.config.settings import MessageSettings as MessageSettings


@dataclass(frozen=True)
class UnsubscribeSpec:
    """[unsubscribe]; its secrets do not travel to the process that renders."""

    url: str
    mailto: str
    list: str = EVERYTHING
    tokens: UnsubscribeTokens | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "tokens": None}


@dataclass(frozen=True)
class Content:
    """[message] as plain values: what a worker gets instead of the settings."""

    from_: str
    reply_to: str
    subject: str
    subjects: dict[str, str]
    text: str
    html: str
    markdown: str
    calendar: str
    inline: dict[str, str]
    attachments: tuple[str, ...]
    templates: tuple[str, ...]
    headers: dict[str, str]
    inline_css: bool

    @classmethod
    def of(cls, message: MessageSettings | Content) -> Content:
        """The settings without their model."""
        return cls(**{each.name: getattr(message, each.name) for each in fields(cls)})


FINISHED = "(message)"  # name of the source of messages that need no template


@dataclass(frozen=True)
class RenderSpec:
    """All that rendering needs to know, once for the campaign."""

    folder: str
    campaign: str
    message: MessageSettings | Content
    name_template: str
    sources: tuple[tuple[str, ...], ...]  # the columns of each source
    key: bytes
    date_s: float
    unsubscribe: UnsubscribeSpec | None = None
    locale_column: str = ""  # names the language of each recipient
    default_locale: str = ""  # the language of the list, and of recipients who name none
    group_column: str = ""  # rows that are equal in it are one message; templates see `rows`
    private: tuple[str, ...] = ()  # real paths, and what begins with them: no cell attaches these
    hidden: tuple[str, ...] = ()  # files of secrets, which no template may read
    places: dict[str, TextPlace] = field(default_factory=dict)  # of the texts in campaign.toml
    is_traced: bool = False  # letters say which branches of the templates they took
    judge: Callable[[Any], None] | None = None  # looks at each sheet last, where it was rendered
    message_id_domain: str = ""  # behind the @ of Message-IDs; "": the domain of From
    # Of an open campaign, for each source: its template, None where it is not there any more.
    letters: tuple[RenderSpec | None, ...] = ()
    names: tuple[str, ...] = ()  # of these templates
    lists: tuple[str, ...] = ()  # that a letter of an open campaign may name, to be left

    @property
    def own_names(self) -> frozenset[str]:
        """What a template sees of a row beside its columns; `Renderer` fills them in."""
        names = {"address", "columns"}
        if self.unsubscribe and self.unsubscribe.url:
            names.add("unsubscribe_url")
        if self.group_column:
            names.add("rows")
        return frozenset(names)

    def token_of(self, recipient_key: str, name: str = "") -> str:
        """The recipient's unsubscribe token; "" where the campaign has no secret to sign it.
        `name`: of the list, where it is not that of the campaign."""
        unsubscribe = self.unsubscribe
        if unsubscribe is None or unsubscribe.tokens is None:
            return ""
        return unsubscribe.tokens.token(name or unsubscribe.list, recipient_key, self.campaign)

    def token_for(self, job: Job) -> str:
        """Of a letter; "" also where one of an open campaign names no list.

        A job that has come from where the secret is has its token already.
        """
        if job.token:
            return job.token
        if not self.letters:
            return self.token_of(job.key)
        name = list_of(job.data)
        return self.token_of(job.key, name) if name else ""

    def leaving(self, name: str) -> RenderSpec:
        """The same, with links that leave this list; "" has none."""
        unsubscribe = self.unsubscribe if name else None
        if unsubscribe:
            unsubscribe = replace(unsubscribe, list=name)
        return replace(self, unsubscribe=unsubscribe)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "message": Content.of(self.message)}
