"""What can be known of the templates without a row: whether they compile, columns and images that
are not there.

In: a `RenderSpec`.  Out: what is wrong, each with file, line and a suggestion.
Touches: template files, for reading.  Runs nothing of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from campaign.errors import TemplateError
from campaign.rendering.places import placed
from campaign.rendering.spec import RenderSpec
from campaign.rendering.templating.templates import TemplateCompiler, Word
from campaign.rendering.templating.versions import reach_of_spec, template_files, versions_of

_CID = re.compile(r"""["'(=]cid:([A-Za-z0-9._+@-]+)""")


def proofread(spec: RenderSpec) -> list[TemplateError]:
    """Every name that some source has no column for, and every `cid:` without its image.

    A name that a template sets, or asks `is defined`, is nobody's fault.  Raises TemplateError
    for a template that does not compile.
    """
    compiler = TemplateCompiler(reach_of_spec(spec), places=spec.places)
    ours = {*spec.own_names, *compiler.values()}
    everywhere = set.intersection(*map(set, spec.sources)) if spec.sources else set()
    found: dict[tuple[str, str], TemplateError] = {}
    for word in _words(compiler, spec):
        if word.name not in ours | everywhere:
            found.setdefault((word.name, word.file), _unknown(word, everywhere, spec))
    words = [placed(error, spec.places) for error in found.values()]
    return [*words, *_images_missing(compiler, spec)]


def _words(compiler: TemplateCompiler, spec: RenderSpec) -> Iterator[Word]:
    message = spec.message
    texts = {
        "message.subject": message.subject,
        **{f"message.subjects.{tag}": text for tag, text in message.subjects.items()},
        "recipients.name": spec.name_template,
        "message.reply_to": message.reply_to,
        **{f"message.headers.{name}": text for name, text in message.headers.items()},
    }
    for name, text in texts.items():
        yield from compiler.words_in(text, name)
    for text in message.attachments:
        yield from compiler.words_in(text, "message.attachments")
    for path in template_files(
        Path(spec.folder),
        message,
        default_locale=spec.default_locale,
        by_locale=bool(spec.locale_column),
    ):
        yield from compiler.words_of(path)


def _unknown(word: Word, columns: set[str], spec: RenderSpec) -> TemplateError:
    if any(word.name in source for source in spec.sources):
        what, remedy = f"'{word.name}' is a column of some of the lists only", ""
    else:
        near = difflib.get_close_matches(word.name, columns, n=1)
        what = f"'{word.name}' is not a column"
        remedy = f"did you mean '{near[0]}'?" if near else ""
        if odd := _not_one_word(word.name, columns):
            remedy = f'a column whose name is not one word is written columns["{odd}"]'
    return TemplateError(what, file=word.file, line=word.line, remedy=remedy)


def _not_one_word(name: str, columns: set[str]) -> str:
    """The column of which a template names a part: `first-name` is read as first minus name."""
    for column in sorted(columns):
        if not column.isidentifier() and name in re.split(r"\W+", column):
            return column
    return ""


def _images_missing(compiler: TemplateCompiler, spec: RenderSpec) -> Iterator[TemplateError]:
    if not spec.message.html:
        return
    html = versions_of(
        Path(spec.folder), spec.message.html, default_locale=spec.default_locale, by_locale=False
    )[0]
    roots = reach_of_spec(spec).of(html)
    for path in compiler.files_of(html):
        source = roots.read(str(path))
        for found in _CID.finditer(source):
            if found[1] not in spec.message.inline:
                yield TemplateError(
                    f"'cid:{found[1]}' has no image",
                    file=roots.shown(str(path)),
                    line=source.count("\n", 0, found.start()) + 1,
                    remedy=f'inline = {{ {found[1]} = "..." }} in [message] names its file',
                )
