"""What jinja2 makes of a template: the code it generates, and the context that code runs in.

In: trees of templates.  Out: Python code, contexts.  Touches: nothing.

The only module that reaches behind jinja2's documented interface (CodeGenerator, Frame, Context,
missing, _PassArg): pyproject.toml keeps jinja2 below the next minor version for its sake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.utils import _PassArg, missing, pass_context

_ORDERS = frozenset({"gt", "gteq", "lt", "lteq"})


class PrintingCode(CodeGenerator):
    """Gives text line by line, and what is the same for everybody in as few chunks as can be.

    Then whoever takes the chunks meets the same ones again with each row.  Each `{{ expression }}`
    is one call of the environment, where jinja2 writes two.
    """

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802
        if frame.buffer is not None or frame.require_output_check or frame.eval_ctx.volatile:
            super().visit_Output(node, frame)
            return
        for chunk in _chunks_of(node.nodes):
            expressions = [part for part in chunk if not isinstance(part, str)]
            if not expressions:
                self.writeline(f"yield {''.join(chunk)!r}")  # type: ignore[arg-type]
                continue
            # CPython compiles `%` with nothing but `%s` as it does an f-string, which could not
            # hold every expression: quotes may not stand in it twice.
            form = "".join(
                part.replace("%", "%%") if isinstance(part, str) else "%s" for part in chunk
            )
            self.writeline(f"yield {form!r} % (", expressions[0])
            for expression in expressions:
                self._output_child_pre(expression, frame, None)
                self.visit(expression, frame)
                self._output_child_post(expression, frame, None)
                self.write(", ")
            self.write(")")

    def write_commons(self) -> None:
        """What the functions of a template begin with."""
        super().write_commons()
        self.writeline("escaped, shown = environment.escaped, environment.shown")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("escaped(" if frame.eval_ctx.autoescape else "shown(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile:
            super()._output_child_post(node, frame, finalize)
        else:
            self.write(")")

    def visit_Call(  # noqa: N802
        self, node: nodes.Call, frame: Frame, forward_caller: bool = False
    ) -> None:
        self._called.add(id(node.node))
        super().visit_Call(node, frame, forward_caller=forward_caller)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802
        """`name.upper` without its brackets is a method, which nobody wants to read."""
        if id(node) in self._called:
            super().visit_Getattr(node, frame)
            return
        self.write("environment.attribute(")
        self.visit(node.node, frame)
        self.write(f", {node.attr!r})")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        """`a ~ b` prints both."""
        join = "markup_join" if frame.eval_ctx.autoescape else "str_join"
        self.write(f"{join}(map(environment.printed, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write(")))")

    def visit_Add(self, node: nodes.BinExpr, frame: Frame) -> None:  # noqa: N802
        """`n + 1` is what it seems: only two texts may be digits that were meant as numbers."""
        if not (_is_number(node.left) or _is_number(node.right)):
            super().visit_Add(node, frame)
            return
        self.write("(")
        self.visit(node.left, frame)
        self.write(" + ")
        self.visit(node.right, frame)
        self.write(")")

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:  # noqa: N802
        """`a < b` of two texts that are numbers compares their digits, not their values."""
        if len(node.ops) != 1 or node.ops[0].op not in _ORDERS:
            super().visit_Compare(node, frame)
            return
        self.write(f"environment.compare({node.ops[0].op!r}, ")
        self.visit(node.expr, frame)
        self.write(", ")
        self.visit(node.ops[0].expr, frame)
        self.write(")")

    @property
    def _called(self) -> set[int]:
        """Nodes that are called, by identity: they live as long as the tree that is compiled."""
        found: set[int] = self.__dict__.setdefault("called_nodes", set())
        return found


def _is_number(node: nodes.Expr) -> bool:
    """Known when the template is compiled."""
    return isinstance(node, nodes.Const) and isinstance(node.value, int | float)


def _chunks_of(parts: Iterable[nodes.Expr]) -> Iterator[list[str | nodes.Expr]]:
    """Lines with expressions, each for itself, and the constant lines between them as one.

    A chunk ends with a line, or where expressions of different lines of the source meet: an error
    is told with its line.
    """
    chunk: list[str | nodes.Expr] = []
    line = 0  # of the last expression of the chunk
    for node in parts:
        if not isinstance(node, nodes.TemplateData):
            if line and node.lineno != line:
                yield chunk
                chunk = []
            chunk.append(node)
            line = node.lineno
            continue
        first, end, rest = node.data.partition("\n")
        chunk.append(first + end)
        if end:
            yield chunk
            line = 0
            constant, end, last = rest.rpartition("\n")
            if end:
                yield [constant + end]
            chunk = [last]
    if chunk != [""]:
        yield chunk


class Row(dict[str, Any]):
    """What the templates of one row see; for an unknown name what jinja2 takes as no value."""

    def __missing__(self, name: str) -> object:
        return missing


class RowContext(Context):
    """Looks names up in the row itself, its `parent`: a template asks for dozens."""

    @property
    def resolve_or_missing(self) -> Callable[[str], Any]:
        """As jinja2's method; code compiled from a template takes it once and calls it."""
        if self.vars or type(self.parent) is not Row:
            return partial(Context.resolve_or_missing, self)
        return self.parent.__getitem__


def with_context(
    use: Callable[..., Any],
    before: Callable[[Any, tuple[Any, ...]], None] | None = None,
    after: Callable[[Any], Any] | None = None,
) -> Callable[..., Any]:
    """A filter as a function of the context, so that compiling never uses it on constants.

    Folded, `[1]|slice(100000000)|list` would run before any row is there to be blamed.  `before` is
    shown the value and the arguments, `after` the result.
    """
    wants = _PassArg.from_obj(use)

    @pass_context
    def used(context: Context, value: Any, *args: Any, **options: Any) -> Any:
        if before is not None:
            before(value, args)
        if wants is None:
            result = use(value, *args, **options)
        elif wants is _PassArg.context:
            result = use(context, value, *args, **options)
        elif wants is _PassArg.eval_context:
            result = use(context.eval_ctx, value, *args, **options)
        else:
            result = use(context.environment, value, *args, **options)
        return result if after is None else after(result)

    return used
