"""Jinja templates, compiled once, rendered for each row in the strictest sandbox there is.

In: template files and texts from the config, the columns of a row.  Out: text.
Touches: template files, for reading, within their roots.  With `environments` the only module
that imports jinja2.

Rendering, and compiling too (constants are folded), runs code of the template's author: only a
render worker with its limits does either.  Reading which files belong together only parses, and
proofreading compiles without folding.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import jinja2
import jinja2.nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.tests import TESTS

from campaign.errors import RenderError, RunawayError, TemplateError
from campaign.rendering.places import TextPlace, placed
from campaign.rendering.templating.branches import Trace
from campaign.rendering.templating.environments import ProofSandbox, TemplateSandbox, TracedSandbox
from campaign.rendering.templating.escaping import Escaping
from campaign.rendering.templating.formats import FormatError, Formats
from campaign.rendering.templating.generated import Row, RowContext
from campaign.rendering.templating.roots import Reach, Roots
from campaign.rendering.templating.values import Columns, UnprintableError

__all__ = [
    "Columns",
    "Row",
    "Template",
    "TemplateCompiler",
    "Word",
    "fixed_start",
    "is_constant",
    "page_environment",
]

# What an expression of a template may raise; anything else is a fault of ours.
_TEMPLATE_FAULTS = (
    jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, NameError, TypeError,
    ValueError, RecursionError, MemoryError, TemplateError, RunawayError,
)  # fmt: skip
_MOST = 100_000_000  # characters, twice as many as the octets of the largest message
# Those of them whose text says enough without their kind.
_PLAIN_FAULTS = (jinja2.TemplateError, TemplateError, UnprintableError, FormatError)
_UNKNOWN = re.compile(r"'([^']+)' is undefined|has no attribute '([^']+)'")
# What filters are called in Liquid, Twig, Handlebars, JavaScript and Python.
_ELSEWHERE = {
    "upcase": "upper", "uppercase": "upper", "touppercase": "upper", "downcase": "lower",
    "lowercase": "lower", "tolowercase": "lower", "strip": "trim", "size": "length",
    "len": "length", "currency": "money", "number_format": "number", "strftime": "date",
    "format_date": "date", "datetime": "date", "titlecase": "title", "nvl": "default",
    "ifnull": "default", "coalesce": "default",
}  # fmt: skip
_NO_SUCH = re.compile(r"No (filter|test) named '([^']+)'")
_ASKING = frozenset({"defined", "undefined", "default", "d"})  # tests and filters that take a name


_NOWHERE: Mapping[str, TextPlace] = {}  # texts that no file holds


class Template:
    """One compiled template, of a file or of a text in the config."""

    def __init__(
        self,
        compiled: jinja2.Template,
        source: str,
        folder: Path,
        places: Mapping[str, TextPlace] = _NOWHERE,
    ) -> None:
        self._compiled = compiled
        self._places = places
        self._folder = folder
        self.source = source
        self.is_constant = is_constant(source)
        self._context: RowContext | None = None  # of the row before, to be used again

    def render(self, values: Row) -> str:
        """The text for one row; `values` come from `TemplateCompiler.values`.

        Raises RenderError with the line of the template.
        """
        return "".join(self.chunks(values))

    def chunks(self, values: Row) -> list[str]:
        """The same text; what the template says to everybody is in chunks of whole lines."""
        # As jinja2.Template.render does it, but for all templates of a row with one dict.
        compiled, context = self._compiled, self._context
        if context is None:
            context = RowContext(compiled.environment, values, compiled.name, compiled.blocks)
        else:
            self._context = None
            context.parent = values
        try:
            chunks = list(compiled.root_render_func(context))
            if _length(chunks) > _MOST:  # a loop may say a long text very often
                raise MemoryError
            # As good as new, which takes as long as a line: nothing was set, nothing inherited.
            if not context.vars and not context.exported_vars and not context.blocks:
                self._context = context
            return chunks
        except _TEMPLATE_FAULTS:
            error = self._rewritten()
            told = _render_error(error, values, self._folder)
            raise placed(told, self._places) from None

    def _rewritten(self) -> BaseException:
        """The exception under way, its traceback in terms of template lines."""
        try:
            self._compiled.environment.handle_exception()
        except _TEMPLATE_FAULTS as error:
            return error
        # handle_exception() never returns, but a build that lacks Jinja cannot know that.
        raise AssertionError("handle_exception() returned")


def _length(chunks: list[Any]) -> int:
    """In characters.  Raises TypeError: what the filter of a block gives need not be text."""
    length = 0
    for chunk in chunks:
        if not isinstance(chunk, str):
            raise TypeError(f"the filter of a block gives {type(chunk).__name__} and not text")
        length += len(chunk)
    return length


class Word(NamedTuple):
    """A name in a template that the row must have a value for."""

    name: str
    file: str
    line: int


class TemplateCompiler:
    """Compiles the templates of one campaign; with a trace they say which branches a row takes."""

    def __init__(
        self,
        reach: Reach,
        trace: Trace | None = None,
        *,
        list_locale: str = "",
        places: Mapping[str, TextPlace] = _NOWHERE,
    ) -> None:
        self._reach = reach
        self._places = places
        self._folder = reach.folder
        self._trace = trace
        self._formats = Formats(list_locale)
        self._globals = TemplateSandbox(None, "none", self._formats).globals

    def values(self, locale: str = "") -> Row:
        """A fresh row of what every template can use; the row's values are added to it.

        `locale` is the language the filters speak from now on.
        """
        self.speak(locale)
        return Row(self._globals)

    def speak(self, locale: str) -> None:
        """The language of the filters from now on."""
        self._formats.locale = locale

    def text(self, source: str, name: str) -> Template:
        """A template written in the config itself, which can reach no file.

        Raises TemplateError.
        """
        environment = self._sandbox(None, "none")
        with _template_errors(name, self._places):
            code = environment.compile(source, name, name)
        compiled = jinja2.Template.from_code(environment, code, environment.globals)
        return Template(compiled, source, self._folder, self._places)

    def file(self, path: str, escaping: Escaping) -> Template:
        """A template file, named relative to the campaign; everything it reaches is there too.

        Raises TemplateError.
        """
        roots = self._reach.of(path)
        environment = self._sandbox(roots, escaping)
        for reached in _reached(environment, roots):
            with _template_errors(roots.shown(reached)):
                environment.get_template(reached)
        compiled = environment.get_template(roots.main)
        return Template(compiled, roots.read(roots.main), self._folder)

    def files_of(self, path: str) -> list[Path]:
        """The template and every file it can reach by a fixed name.  Raises TemplateError."""
        roots = self._reach.of(path)
        return [
            Path(name) for name in _reached(TemplateSandbox(roots, "none", self._formats), roots)
        ]

    def words_of(self, path: str) -> Iterator[Word]:
        """Every name that a template file and what it reaches need a value for.

        Raises TemplateError where one does not compile.
        """
        roots = self._reach.of(path)
        environment = ProofSandbox(roots, self._formats)
        for reached in _reached(environment, roots):
            source, shown = roots.read(reached), roots.shown(reached)
            with _template_errors(shown):
                environment.compile(source, reached, reached)
            yield from _words(environment.parse(source), shown)

    def words_in(self, source: str, name: str) -> Iterator[Word]:
        """The same for a text in the config.  Raises TemplateError."""
        environment = ProofSandbox(None, self._formats)
        with _template_errors(name, self._places):
            environment.compile(source, name, name)
        yield from _words(environment.parse(source), name)

    def _sandbox(self, roots: Roots | None, escaping: Escaping) -> TemplateSandbox:
        if self._trace is None:
            return TemplateSandbox(roots, escaping, self._formats)
        return TracedSandbox(roots, escaping, self._formats, self._trace)


def fixed_start(source: str) -> str:
    """The part of a template before its first expression, statement or comment."""
    return re.split(r"\{[{%#]", source, maxsplit=1)[0]


def is_constant(source: str) -> bool:
    """The template says the same to everybody."""
    return fixed_start(source) == source


def _reached(environment: TemplateSandbox, roots: Roots) -> Iterator[str]:
    """Paths of the main template and of all it names, each once.  Raises TemplateError."""
    seen: set[str] = set()
    waiting = [roots.main]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        yield path
        with _template_errors(roots.shown(path)):
            tree = environment.parse(roots.read(path), path, path)
        for node, names in _references(tree):
            found = (roots.find(roots.join(name, path)) for name in names)
            if reached := next(filter(None, found), None):
                waiting.append(reached)
            elif not getattr(node, "ignore_missing", False):
                raise TemplateError(
                    f"there is no template {names[0]!r}",
                    file=roots.shown(path),
                    line=node.lineno,
                    remedy="put it into a folder 'templates', or name its file or folder in"
                    " `templates` of [message]",
                )


def _references(tree: jinja2.nodes.Template) -> Iterator[tuple[jinja2.nodes.Node, list[str]]]:
    """Nodes that name other templates by constants; names made by expressions cannot be known."""
    kinds = (jinja2.nodes.Extends, jinja2.nodes.Include,
             jinja2.nodes.Import, jinja2.nodes.FromImport)  # fmt: skip
    for node in tree.find_all(kinds):
        assert isinstance(node, kinds)
        written = node.template
        items = [written]
        if isinstance(written, jinja2.nodes.List | jinja2.nodes.Tuple):
            items = written.items
        names = [item.value for item in items if isinstance(item, jinja2.nodes.Const)]
        if names and len(names) == len(items):
            yield node, names


def _words(tree: jinja2.nodes.Template, file: str) -> Iterator[Word]:
    """Names that are read, without those the template sets itself or asks about first."""
    nodes = jinja2.nodes
    known = {"self", "super", "loop", "caller", "varargs", "kwargs"}
    known |= {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    known |= {node.name for node in tree.find_all(nodes.Macro)}
    known |= {node.target for node in tree.find_all(nodes.Import)}
    for imported in tree.find_all(nodes.FromImport):
        known |= {name if isinstance(name, str) else name[1] for name in imported.names}
    for asking in tree.find_all((nodes.Test, nodes.Filter)):
        assert isinstance(asking, nodes.Test | nodes.Filter)
        if asking.name in _ASKING and isinstance(asking.node, nodes.Name):
            known.add(asking.node.name)
    for node in tree.find_all(nodes.Name):
        if node.name not in known:
            yield Word(node.name, file, node.lineno)


@contextmanager
def _template_errors(file: str, places: Mapping[str, TextPlace] = _NOWHERE) -> Iterator[None]:
    """What compiling raises, as TemplateError with file and line."""
    try:
        yield
    except jinja2.TemplateSyntaxError as error:
        what = error.message or "syntax error"
        told = TemplateError(what, file=file, line=error.lineno, remedy=_syntax_remedy(what))
        raise placed(told, places) from None
    except (RecursionError, SyntaxError):  # of the parser; of Python, for the code jinja2 made
        raise placed(TemplateError("is nested too deeply", file=file), places) from None


def _syntax_remedy(what: str) -> str:
    """What to do about a message of jinja2."""
    if what.startswith(("unexpected '}'", "unexpected end of template, expected 'end of print")):
        return "close it with }}"
    if what.startswith("expected token 'end of print statement', got"):
        return 'close it with }}; a column whose name is not one word is columns["First Name"]'
    if what.startswith(("unexpected '%'", "unexpected end of template, expected 'end of stat")):
        return "close it with %}"
    unknown = _NO_SUCH.match(what)
    if not unknown:
        return ""
    known = [*FILTERS, *Formats().filters] if unknown[1] == "filter" else [*TESTS]
    name = unknown[2]
    near = difflib.get_close_matches(name, known, n=1)
    meant = _ELSEWHERE.get(name.lower()) or (near[0] if near else "")
    return f"did you mean {meant}?" if meant else ""


def _render_error(error: BaseException, values: Mapping[str, Any], folder: Path) -> RenderError:
    what, remedy, kind = str(error) or type(error).__name__, "", RenderError
    if isinstance(error, jinja2.UndefinedError):
        unknown = _UNKNOWN.search(what)
        names = [*values, *values.get("columns", ())]
        near = difflib.get_close_matches(unknown[1] or unknown[2], names, n=1) if unknown else []
        remedy = f"did you mean '{near[0]}'?" if near else ""
    elif isinstance(error, jinja2.TemplateNotFound):
        what = f"there is no template '{error.name}' it may reach"
    elif isinstance(error, MemoryError):
        what, kind = "the template needs more memory than it may have", RunawayError
    elif isinstance(error, RunawayError):
        what, kind = error.what, RunawayError
    elif isinstance(error, RecursionError):
        what = "the template calls itself without end"
    elif isinstance(error, SecurityError):
        what = f"not allowed in a template: {what}"
    elif not isinstance(error, _PLAIN_FAULTS):
        what = f"{type(error).__name__}: {what}"
    file, line = _place(error.__traceback__)
    shown = os.path.relpath(file, folder) if os.path.isabs(file) else file
    return kind(what, file=shown, line=line, remedy=remedy)


def _place(traceback: TracebackType | None) -> tuple[str, int]:
    """File and line of the innermost template; jinja2 rewrites tracebacks to show them."""
    file, line = "", 0
    while traceback is not None:
        if "__jinja_exception__" in traceback.tb_frame.f_globals:
            file, line = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next
    return file, line


def page_environment(*folders: Path) -> jinja2.Environment:
    """The templates of our own pages: trusted, strict, everything escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
