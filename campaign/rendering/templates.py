"""Jinja templates, compiled once, rendered for each row in the strictest sandbox there is.

In: template files and texts from the config, the columns of a row.  Out: text.
Touches: template files, for reading, inside their roots.  The only module that imports jinja2.

Where templates may reach: `extends`, `include` and `import` look for a name first in the folder
of the template that campaign.toml names, then in the nearest folder above it called `templates`
(or in the campaign's folder, when the template lies in it).  A name that starts with `./` or `../`
is taken from the template it stands in.  What then lies outside these two folders, also behind a
symlink, does not exist.

Rendering, and compiling too (constants are folded), runs code of the template's author: only a
render worker with its limits does either.  Reading which files belong together only parses.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any

import jinja2
import jinja2.nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from campaign.errors import RenderError, TemplateError

# What an expression of a template may raise; anything else is a fault of ours.
_TEMPLATE_FAULTS = (
    jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, NameError, TypeError,
    ValueError, RecursionError, MemoryError, TemplateError,
)  # fmt: skip
_UNKNOWN = re.compile(r"'([^']+)' is undefined|has no attribute '([^']+)'")
_REPEAT_MAX = 1_000_000  # characters or items that `*` may make of a sequence


class EmptyValueError(ValueError):
    """An expression gave None or NaN, which would be printed as a word (fault 57)."""


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


class Workshop:
    """Compiles the templates of one campaign."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._globals = _Sandbox(loader=None, autoescape=False).globals

    def values(self) -> dict[str, Any]:
        """A fresh dict of what every template can use; the row's values are added to it."""
        return self._globals.copy()

    def text(self, source: str, name: str) -> Template:
        """A template written in the config itself, which can reach no file.

        Raises TemplateError.
        """
        environment = _Sandbox(loader=None, autoescape=False)
        try:
            code = environment.compile(source, name, name)
        except jinja2.TemplateSyntaxError as error:
            raise _template_error(error, name) from None
        compiled = jinja2.Template.from_code(environment, code, environment.globals)
        return Template(compiled, source, self._folder)

    def file(self, path: str, *, autoescape: bool) -> Template:
        """A template file, named relative to the campaign; everything it reaches is there too.

        Raises TemplateError.
        """
        loader = _Loader(self._folder, path)
        environment = _Sandbox(loader=loader, autoescape=autoescape)
        for _ in _reached(environment, loader):
            pass
        try:
            compiled = environment.get_template(loader.main)
        except jinja2.TemplateSyntaxError as error:
            raise _template_error(error, loader.shown(loader.main)) from None
        return Template(compiled, loader.read(loader.main), self._folder)

    def files_of(self, path: str) -> list[Path]:
        """The template and every file it can reach by a fixed name.  Raises TemplateError."""
        loader = _Loader(self._folder, path)
        return [Path(name) for name in _reached(_Sandbox(loader=loader, autoescape=True), loader)]


def fixed_start(source: str) -> str:
    """The part of a template before its first expression, statement or comment."""
    return re.split(r"\{[{%#]", source, maxsplit=1)[0]


def is_constant(source: str) -> bool:
    """The template says the same to everybody."""
    return fixed_start(source) == source


class _Sandbox(ImmutableSandboxedEnvironment):
    """Strict, without a way to files outside the loader's roots."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, *, loader: _Loader | None, autoescape: bool) -> None:
        super().__init__(
            loader=loader,
            autoescape=autoescape,
            undefined=jinja2.StrictUndefined,
            finalize=_finalize,
            keep_trailing_newline=True,
            auto_reload=False,
            cache_size=-1,
        )

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """A plain dict: the ChainMap of jinja2 costs 6 µs a rendering."""
        return {**self.globals, **(d or {})}

    def join_path(self, template: str, parent: str) -> str:
        """Names from `./` and `../` belong to the template they stand in."""
        if template.startswith(("./", "../")):
            assert isinstance(self.loader, _Loader)
            folder = os.path.dirname(self.loader.find(parent))
            return os.path.normpath(os.path.join(folder, template))
        return template

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


class _Loader(jinja2.BaseLoader):
    """Finds templates inside the roots of one main template; names may be absolute paths."""

    def __init__(self, folder: Path, path: str) -> None:
        self._folder = folder
        self.main = os.path.abspath(folder / path)
        self._roots = [os.path.realpath(root) for root in _roots(folder, Path(self.main))]

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, None]:
        path = self.find(template)
        return self.read(path), path, None

    def find(self, name: str) -> str:
        """The path of a template.  Raises jinja2.TemplateNotFound."""
        if name == self.main:
            return name
        for root in self._roots:
            path = os.path.realpath(os.path.join(root, name))
            if any(_is_beneath(path, allowed) for allowed in self._roots) and os.path.isfile(path):
                return path
        raise jinja2.TemplateNotFound(name)

    def read(self, path: str) -> str:
        """The source.  Raises TemplateError when it is no UTF-8 or not there."""
        try:
            return Path(path).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise TemplateError("there is no such template", file=self.shown(path)) from None
        except OSError as error:
            reason = error.strerror or "unreadable"
            raise TemplateError(f"cannot be read: {reason}", file=self.shown(path)) from None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise TemplateError("is not UTF-8", file=self.shown(path), line=line) from None

    def shown(self, path: str) -> str:
        """A path as a person writes it: relative to the campaign's folder."""
        return os.path.relpath(path, self._folder) if os.path.isabs(path) else path


def _roots(folder: Path, main: Path) -> Iterator[Path]:
    """The two folders a template may reach (see the top of this module)."""
    yield main.parent
    for above in main.parents:
        if above.name == "templates":
            yield above
            return
    if main.is_relative_to(os.path.abspath(folder)):
        yield folder


def _is_beneath(path: str, root: str) -> bool:
    return path.startswith(root.rstrip("/") + "/")


def _reached(environment: _Sandbox, loader: _Loader) -> Iterator[str]:
    """Paths of the main template and of all it names, each once.  Raises TemplateError."""
    seen: set[str] = set()
    waiting = [loader.main]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        yield path
        try:
            tree = environment.parse(loader.read(path), path, path)
        except jinja2.TemplateSyntaxError as error:
            raise _template_error(error, loader.shown(path)) from None
        for node, names in _references(tree):
            found = _first_found(environment, loader, path, names)
            if found:
                waiting.append(found)
            elif not getattr(node, "ignore_missing", False):
                raise TemplateError(
                    f"there is no template {names[0]!r}",
                    file=loader.shown(path),
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
        try:
            value = node.template.as_const()
        except jinja2.nodes.Impossible:
            continue
        names = [value] if isinstance(value, str) else list(value)
        if names:
            yield node, names


def _first_found(
    environment: _Sandbox, loader: _Loader, parent: str, names: list[str]
) -> str | None:
    for name in names:
        try:
            return loader.find(environment.join_path(name, parent))
        except jinja2.TemplateNotFound:
            continue
    return None


def _finalize(value: Any) -> Any:
    if value is None or value != value:
        raise EmptyValueError(f"an expression gives {value}")
    return value


def _template_error(error: jinja2.TemplateSyntaxError, file: str) -> TemplateError:
    return TemplateError(error.message or "syntax error", file=file, line=error.lineno)


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
    elif not isinstance(error, jinja2.TemplateError | EmptyValueError | TemplateError):
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
