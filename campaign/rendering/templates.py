"""Jinja templates, compiled once, rendered for each row in the strictest sandbox there is.

In: template files and texts from the config, the columns of a row.  Out: text.
Touches: template files, for reading, within their roots.  The only module that imports jinja2.

Rendering, and compiling too (constants are folded), runs code of the template's author: only a
render worker with its limits does either.  Reading which files belong together only parses.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import jinja2
import jinja2.nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from campaign.errors import RenderError, TemplateError
from campaign.rendering.branches import Trace, forks_of
from campaign.rendering.escaping import FINALIZE, EmptyValueError, Escaping
from campaign.rendering.formats import FormatError, Formats
from campaign.rendering.roots import Roots

# What an expression of a template may raise; anything else is a fault of ours.
_TEMPLATE_FAULTS = (
    jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, NameError, TypeError,
    ValueError, RecursionError, MemoryError, TemplateError,
)  # fmt: skip
# Those of them whose text says enough without their kind.
_PLAIN_FAULTS = (jinja2.TemplateError, TemplateError, EmptyValueError, FormatError)
_UNKNOWN = re.compile(r"'([^']+)' is undefined|has no attribute '([^']+)'")
_ASKING = frozenset({"defined", "undefined", "default", "d"})  # tests and filters that take a name
_REMEMBERED = 1000  # names of templates; those made from cells must not fill the memory
_REPEAT_MAX = 1_000_000  # characters or items that `*` may make of a sequence


class Template:
    """One compiled template, of a file or of a text in the config."""

    def __init__(self, compiled: jinja2.Template, source: str, folder: Path) -> None:
        self._compiled = compiled
        self._folder = folder
        self.source = source
        self.is_constant = is_constant(source)

    def render(self, values: dict[str, Any]) -> str:
        """The text for one row; `values` come from `Workshop.values`.

        Raises RenderError with the line of the template.
        """
        compiled = self._compiled
        try:
            # As jinja2.Template.render does it, but for all templates of a row with one dict.
            context = compiled.new_context(values, shared=True)
            return "".join(compiled.root_render_func(context))
        except _TEMPLATE_FAULTS:
            error = self._rewritten()
            raise _render_error(error, values, self._folder) from None

    def _rewritten(self) -> BaseException:
        """The exception under way, its traceback in terms of template lines."""
        try:
            self._compiled.environment.handle_exception()
        except _TEMPLATE_FAULTS as error:
            return error


class Word(NamedTuple):
    """A name in a template that the row must have a value for."""

    name: str
    file: str
    line: int


class Workshop:
    """Compiles the templates of one campaign; with a trace they say which branches a row takes."""

    def __init__(self, folder: Path, trace: Trace | None = None) -> None:
        self._folder = folder
        self._trace = trace
        self._formats = Formats()
        self._globals = _Sandbox(None, "none", self._formats).globals

    def values(self, locale: str = "") -> dict[str, Any]:
        """A fresh dict of what every template can use; the row's values are added to it.

        `locale` is the language the filters speak from now on.
        """
        self._formats.locale = locale
        return self._globals.copy()

    def text(self, source: str, name: str) -> Template:
        """A template written in the config itself, which can reach no file.

        Raises TemplateError.
        """
        environment = self._sandbox(None, "none")
        with _template_errors(name):
            code = environment.compile(source, name, name)
        compiled = jinja2.Template.from_code(environment, code, environment.globals)
        return Template(compiled, source, self._folder)

    def file(self, path: str, escaping: Escaping) -> Template:
        """A template file, named relative to the campaign; everything it reaches is there too.

        Raises TemplateError.
        """
        roots = Roots(self._folder, path)
        environment = self._sandbox(roots, escaping)
        for reached in _reached(environment, roots):
            with _template_errors(roots.shown(reached)):
                environment.get_template(reached)
        compiled = environment.get_template(roots.main)
        return Template(compiled, roots.read(roots.main), self._folder)

    def files_of(self, path: str) -> list[Path]:
        """The template and every file it can reach by a fixed name.  Raises TemplateError."""
        roots = Roots(self._folder, path)
        return [Path(name) for name in _reached(_Sandbox(roots, "none", self._formats), roots)]

    def words_of(self, path: str) -> Iterator[Word]:
        """Every name that a template file and what it reaches need a value for.

        Raises TemplateError.
        """
        roots = Roots(self._folder, path)
        environment = _Sandbox(roots, "none", self._formats)
        for reached in _reached(environment, roots):
            yield from _words(environment.parse(roots.read(reached)), roots.shown(reached))

    def words_in(self, source: str, name: str) -> Iterator[Word]:
        """The same for a text in the config.  Raises TemplateError."""
        with _template_errors(name):
            tree = _Sandbox(None, "none", self._formats).parse(source)
        yield from _words(tree, name)

    def _sandbox(self, roots: Roots | None, escaping: Escaping) -> _Sandbox:
        if self._trace is None:
            return _Sandbox(roots, escaping, self._formats)
        return _Traced(roots, escaping, self._formats, self._trace)


def fixed_start(source: str) -> str:
    """The part of a template before its first expression, statement or comment."""
    return re.split(r"\{[{%#]", source, maxsplit=1)[0]


def is_constant(source: str) -> bool:
    """The template says the same to everybody."""
    return fixed_start(source) == source


class _Sandbox(ImmutableSandboxedEnvironment):
    """Strict, without a way to files outside the loader's roots."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, roots: Roots | None, escaping: Escaping, formats: Formats) -> None:
        super().__init__(
            loader=_Loader(roots) if roots else None,
            autoescape=escaping != "none",
            undefined=jinja2.StrictUndefined,
            finalize=FINALIZE[escaping],
            keep_trailing_newline=True,
            auto_reload=False,
            cache_size=-1,
        )
        self._roots = roots
        self._found: dict[tuple[str | jinja2.Template, str | None], jinja2.Template] = {}
        self.filters.update((name, _unfolded(use)) for name, use in formats.filters.items())

    def get_template(
        self,
        name: str | jinja2.Template,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,
    ) -> jinja2.Template:
        """Remembers what `extends` and `include` ask for again with each row."""
        asked = (name, parent)
        found = self._found.get(asked)
        if found is None:
            found = super().get_template(name, parent, globals)
            if len(self._found) < _REMEMBERED:
                self._found[asked] = found
        return found

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """A plain dict: the ChainMap of jinja2 costs 6 µs a rendering."""
        return {**self.globals, **(d or {})}

    def join_path(self, template: str, parent: str) -> str:
        """Names from `./` and `../` belong to the template they stand in."""
        return self._roots.join(template, parent) if self._roots else template

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """`*`, `**` and `%` on bounded operands: the cheap ways to fill memory or burn hours."""
        if operator == "**" and (abs(left) > 10**6 or abs(right) > 64):
            raise SecurityError("'**' of numbers this large")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("formatting by '%'; use '~', round or format_number")
        if operator == "*":
            count, many = (left, right) if isinstance(left, int) else (right, left)
            is_repeat = hasattr(many, "__len__") and isinstance(count, int)
            if is_repeat and len(many) * count > _REPEAT_MAX:
                raise SecurityError(f"'*' that makes more than {_REPEAT_MAX} characters")
        return super().call_binop(context, operator, left, right)


class _Traced(_Sandbox):
    """Every branch begins by saying that it was taken; what is printed is the same."""

    def __init__(
        self, roots: Roots | None, escaping: Escaping, formats: Formats, trace: Trace
    ) -> None:
        super().__init__(roots, escaping, formats)
        self._trace = trace
        self.took = trace.took

    def _parse(self, source: str, name: str | None, filename: str | None) -> jinja2.nodes.Template:
        tree = super()._parse(source, name, filename)
        shown = self._roots.named(filename or "") if self._roots else str(name)
        forks = forks_of(self.lex(source), shown)
        for fork, bodies in zip(forks, _forks(tree), strict=True):
            for branch, body in zip(fork, bodies, strict=True):
                call = jinja2.nodes.Call(
                    jinja2.nodes.EnvironmentAttribute("took"),
                    [jinja2.nodes.Const(self._trace.number(branch))], [], None, None,
                )  # fmt: skip
                mark = jinja2.nodes.ExprStmt(call)
                mark.set_lineno(body[0].lineno if body else 1)
                body.insert(0, mark.set_environment(self))
        return tree


def _forks(tree: jinja2.nodes.Template) -> Iterator[list[list[jinja2.nodes.Node]]]:
    """The bodies of every `if` and `for`, in the order of the source."""
    nodes = jinja2.nodes
    later: set[int] = set()  # each `elif` is an If of its own
    for node in list(tree.find_all((nodes.If, nodes.For))):
        if isinstance(node, nodes.If) and id(node) not in later:
            later.update(map(id, node.elif_))
            yield [node.body, *(elif_.body for elif_ in node.elif_), node.else_]
        elif isinstance(node, nodes.For):
            yield [node.body, node.else_]


class _Loader(jinja2.BaseLoader):
    """What is within the roots; names may be absolute paths."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, None]:
        path = self._roots.find(template)
        if path is None:
            raise jinja2.TemplateNotFound(template)
        return self._roots.read(path), path, None


def _reached(environment: _Sandbox, roots: Roots) -> Iterator[str]:
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
                    remedy="it must lie in the template's own folder or in the nearest"
                    " folder above called 'templates'",
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


def _unfolded(use: Callable[..., str]) -> Callable[..., str]:
    """A filter whose result depends on the row, so that compiling must not use it on constants."""

    @jinja2.pass_context
    def unfolded(context: object, *args: Any, **options: Any) -> str:
        return use(*args, **options)

    return unfolded


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
def _template_errors(file: str) -> Iterator[None]:
    """What compiling raises, as TemplateError with file and line."""
    try:
        yield
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(error.message or "syntax error", file=file, line=error.lineno) from None
    except (RecursionError, SyntaxError):  # of the parser; of Python, for the code jinja2 made
        raise TemplateError("is nested too deeply", file=file) from None


def _render_error(error: BaseException, values: Mapping[str, Any], folder: Path) -> RenderError:
    what, remedy = str(error) or type(error).__name__, ""
    if isinstance(error, jinja2.UndefinedError):
        unknown = _UNKNOWN.search(what)
        names = [*values, *values.get("columns", ())]
        near = difflib.get_close_matches(unknown[1] or unknown[2], names, n=1) if unknown else []
        remedy = f"did you mean '{near[0]}'?" if near else ""
    elif isinstance(error, jinja2.TemplateNotFound):
        what = f"there is no template '{error.name}' it may reach"
    elif isinstance(error, MemoryError):
        what = "the template needs more memory than it may have"
    elif isinstance(error, RecursionError):
        what = "the template calls itself without end"
    elif isinstance(error, SecurityError):
        what = f"not allowed in a template: {what}"
    elif not isinstance(error, _PLAIN_FAULTS):
        what = f"{type(error).__name__}: {what}"
    file, line = _place(error.__traceback__)
    shown = os.path.relpath(file, folder) if os.path.isabs(file) else file
    return RenderError(what, file=shown, line=line, remedy=remedy)


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
