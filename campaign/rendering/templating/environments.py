"""The Jinja environments that templates are compiled in: strict, and without a way out.

In: the roots a template may reach, how its kind of text escapes, the filters of the campaign.
Out: environments.  Touches: template files, for reading, within their roots.
With `templates`, `values` and `generated` the only module that imports jinja2.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import jinja2
import jinja2.nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range

from campaign.rendering.templating.branches import Trace, forks_of
from campaign.rendering.templating.escaping import FINALIZE, Escaping, escaped_by, shown_by
from campaign.rendering.templating.formats import Formats
from campaign.rendering.templating.generated import PrintingCode, RowContext
from campaign.rendering.templating.roots import Roots
from campaign.rendering.templating.values import (
    FUNCTIONS,
    Columns,
    UnprintableError,
    compare,
    guarded_filters,
    printed,
    refuse_digits,
)

_REMEMBERED = 1000  # names of templates; those made from cells must not fill the memory
_REPEAT_MAX = 1_000_000  # characters or items that `*` may make of a sequence


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """Strict, without a way to files outside the loader's roots."""

    code_generator_class = PrintingCode
    context_class = RowContext
    intercepted_binops = frozenset({"*", "**", "%", "+"})

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
        self.escaped = escaped_by(escaping)
        self.shown = shown_by(escaping)
        self._roots = roots
        self._found: dict[tuple[str | jinja2.Template, str | None], jinja2.Template] = {}
        self.filters = guarded_filters(self.filters | formats.filters)
        self.printed = printed
        self.compare = compare

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

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A column before a method of the same name: `row.items` is a cell."""
        if type(obj) is Columns and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Of columns only what is a column."""
        if type(obj) is Columns and argument not in obj:
            return self.undefined(obj=obj, name=argument)
        return super().getitem(obj, argument)

    def attribute(self, obj: Any, name: str) -> Any:
        """As `getattr`, of an attribute that is not called."""
        value = self.getattr(obj, name)
        if isinstance(value, FUNCTIONS):
            raise UnprintableError(f"'{name}' is a function: write {name}() to call it")
        return value

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Loops that count call `range`, of which is known what jinja2 asks of every callable."""
        if called is safe_range and not kwargs:  # within a loop, jinja2 adds some of its own
            return safe_range(*args)
        return super().call(context, called, *args, **kwargs)

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
            refuse_digits(f"'*' repeats the text {left if left is many else right!r}", many, many)
        if operator == "+":
            refuse_digits(f"'+' joins the texts {left!r} and {right!r}", left, right)
        return super().call_binop(context, operator, left, right)


class ProofSandbox(TemplateSandbox):
    """Compiles templates that are only looked at, outside of a render worker with its limits."""

    def __init__(self, roots: Roots | None, formats: Formats) -> None:
        super().__init__(roots, "none", formats)
        self.optimized = False  # constants stay expressions: nothing of them is worked out


class TracedSandbox(TemplateSandbox):
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
