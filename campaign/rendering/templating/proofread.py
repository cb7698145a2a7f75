"""What can be known of the templates without a row: columns and images that are not there.

In: a `RenderSpec`.  Out: what is wrong, each with file, line and a suggestion.
Touches: template files, for reading.  Runs nothing of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from campaign.errors import TemplateError
from campaign.languages import written_in
from campaign.rendering.spec import RenderSpec
from campaign.rendering.templating.roots import Roots
from campaign.rendering.templating.templates import Word, Workshop

_CID = re.compile(r"""["'(=]cid:([A-Za-z0-9._+@-]+)""")


def proofread(spec: RenderSpec) -> list[TemplateError]:
    """Every name that some source has no column for, and every `cid:` without its image.

    A name that a template sets, or asks `is defined`, is nobody's fault.  Raises TemplateError
    for a template that does not parse.
    """
    workshop = Workshop(Path(spec.folder))
    ours = {"address", "columns", *workshop.values()}
    if spec.unsubscribe and spec.unsubscribe.url:
        ours.add("unsubscribe_url")
    if spec.group_column:
        ours.add("rows")
    everywhere = set.intersection(*map(set, spec.sources)) if spec.sources else set()
    found: dict[tuple[str, str], TemplateError] = {}
    for word in _words(workshop, spec):
        if word.name not in ours | everywhere:
            found.setdefault((word.name, word.file), _unknown(word, everywhere, spec))
    return [*found.values(), *_images_missing(workshop, spec)]


def _words(workshop: Workshop, spec: RenderSpec) -> Iterator[Word]:
    message = spec.message
    texts = {
        "message.subject": message.subject,
        **{f"message.subjects.{tag}": text for tag, text in message.subjects.items()},
        "recipients.name": spec.name_template,
        "message.reply_to": message.reply_to,
        **{f"message.headers.{name}": text for name, text in message.headers.items()},
    }
    for name, text in texts.items():
        yield from workshop.words_in(text, name)
    for text in message.attachments:
        yield from workshop.words_in(text, "message.attachments")
    for path in _files(spec):
        yield from workshop.words_of(path)


def _files(spec: RenderSpec) -> Iterator[str]:
    message = spec.message
    for path in filter(None, (message.text, message.html, message.markdown, message.calendar)):
        yield from _versions(path, spec)


def _versions(path: str, spec: RenderSpec) -> Iterator[str]:
    """The files of one template, in all languages."""
    files = written_in(
        Path(spec.folder),
        path,
        default_locale=spec.default_locale,
        by_locale=bool(spec.locale_column),
    )
    yield from dict.fromkeys((files.default, *files.variants.values()))


def _unknown(word: Word, columns: set[str], spec: RenderSpec) -> TemplateError:
    if any(word.name in source for source in spec.sources):
        what, remedy = f"'{word.name}' is a column of some of the lists only", ""
    else:
        near = difflib.get_close_matches(word.name, columns, n=1)
        what = f"'{word.name}' is not a column"
        remedy = f"did you mean '{near[0]}'?" if near else ""
    return TemplateError(what, file=word.file, line=word.line, remedy=remedy)


def _images_missing(workshop: Workshop, spec: RenderSpec) -> Iterator[TemplateError]:
    if not spec.message.html:
        return
    html = next(_versions(spec.message.html, spec))
    roots = Roots(Path(spec.folder), html)
    for path in workshop.files_of(html):
        source = roots.read(str(path))
        for found in _CID.finditer(source):
            if found[1] not in spec.message.inline:
                yield TemplateError(
                    f"'cid:{found[1]}' has no image",
                    file=roots.shown(str(path)),
                    line=source.count("\n", 0, found.start()) + 1,
                    remedy=f'inline = {{ {found[1]} = "..." }} in [message] names its file',
                )
