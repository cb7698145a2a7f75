"""The template files of a campaign, in all their languages.

In: [message], the locales of [recipients].  Out: paths relative to the campaign's folder.
Touches: the templates' folders, for looking.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from campaign.languages import written_in
from campaign.rendering.spec import Content, RenderSpec
from campaign.rendering.templating.roots import Reach

if TYPE_CHECKING:
    from campaign.config.settings import MessageSettings as MessageSettings


def versions_of(folder: Path, name: str, *, default_locale: str, by_locale: bool) -> list[str]:
    """The files of one template, the default first."""
    files = written_in(folder, name, default_locale=default_locale, by_locale=by_locale)
    return list(dict.fromkeys((files.default, *files.variants.values())))


def template_files(
    folder: Path, message: MessageSettings | Content, *, default_locale: str, by_locale: bool
) -> list[str]:
    """Of all templates that [message] names; `by_locale` asks for those of other languages too."""
    names = filter(None, (message.text, message.html, message.markdown, message.calendar))
    return [
        file
        for name in names
        for file in versions_of(folder, name, default_locale=default_locale, by_locale=by_locale)
    ]


def reach_of(folder: Path, message: MessageSettings | Content, default_locale: str = "") -> Reach:
    """Where the templates of a campaign may reach."""
    named = template_files(folder, message, default_locale=default_locale, by_locale=True)
    return Reach(folder, tuple(message.templates), tuple(named))


def reach_of_spec(spec: RenderSpec) -> Reach:
    """The same of a spec."""
    return reach_of(Path(spec.folder), spec.message, spec.default_locale)
