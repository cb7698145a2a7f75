"""What of the tree is compiled when a wheel is built, and what becomes of it without a compiler."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path
from typing import Any

import pytest
from setuptools import Distribution, Extension

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("setuptools.setup", lambda **_: None)
        return runpy.run_path(str(ROOT / "setup.py"))


def test_every_module_to_be_compiled_is_there(recipe: dict[str, Any]) -> None:
    modules = recipe["modules"]()
    assert len(modules) > 20
    assert not [module for module in modules if not (ROOT / module).is_file()]


def test_no_compiled_function_calls_errors_of_two_kinds_by_one_name(recipe: dict[str, Any]) -> None:
    """mypyc gives a name one type, that of the first, and refuses the second at run time."""
    found = []
    for module in recipe["modules"]():
        for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                handlers = [n for n in ast.walk(node) if isinstance(n, ast.ExceptHandler)]
                kinds = {(n.name, ast.unparse(n.type)) for n in handlers if n.name and n.type}
                if len(kinds) > len({name for name, _ in kinds}):
                    found.append(f"{module}:{node.lineno} {node.name}")
    assert not found


def test_no_compiled_class_puts_a_whole_number_where_it_keeps_a_float(
    recipe: dict[str, Any],
) -> None:
    """mypy lets an int stand for a float, mypyc stores the two differently and compiles nothing."""
    found, seen = [], 0
    for module in recipe["modules"]():
        for kind in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
            if isinstance(kind, ast.ClassDef):
                floats = floats_of(kind)
                seen += len(floats)
                found += [f"{module}:{line}" for line in whole_numbers_in(kind, floats)]
    assert seen > 10
    assert not found


def floats_of(kind: ast.ClassDef) -> set[str]:
    """Attributes that are said to be a float, or begin as one."""
    found = set()
    for node in ast.walk(kind):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "float":
            found.add(ast.unparse(node.target))
        elif isinstance(node, ast.Assign) and type(ast_value(node)) is float:
            found.update(ast.unparse(target) for target in node.targets)
    return {name for name in found if name.startswith("self.")}


def ast_value(node: ast.Assign) -> object:
    """What is assigned, where it is written out."""
    return node.value.value if isinstance(node.value, ast.Constant) else None


def whole_numbers_in(kind: ast.ClassDef, floats: set[str]) -> list[int]:
    """Lines of methods that put a parameter, or a number, that is an int into one of these."""
    lines = []
    for method in ast.walk(kind):
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
            given = [*method.args.args, *method.args.kwonlyargs]
            ints = {a.arg for a in given if a.annotation and ast.unparse(a.annotation) == "int"}
            lines += [
                node.lineno
                for node in ast.walk(method)
                if isinstance(node, ast.Assign)
                and floats & {ast.unparse(target) for target in node.targets}
                and (ast.unparse(node.value) in ints or ast.unparse(node.value).isdigit())
            ]
    return lines


def test_no_interpreted_class_inherits_a_compiled_one(recipe: dict[str, Any]) -> None:
    """Only an editable tree lets it: "interpreted classes cannot inherit from compiled"."""
    compiled = {module: classes_of(ROOT / module) for module in recipe["modules"]()}
    heirs, seen = [], 0
    for file in (
        file for top in ("campaign", "tests", "bench") for file in (ROOT / top).rglob("*.py")
    ):
        if str(file.relative_to(ROOT)) in compiled:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        borrowed = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
            if alias.name in compiled.get(node.module.replace(".", "/") + ".py", ())
        }
        seen += len(borrowed)
        heirs += [
            f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            and borrowed & {ast.unparse(base) for base in node.bases}
        ]
    assert seen > 100
    assert not heirs


def classes_of(module: Path) -> set[str]:
    """The classes that mypyc makes native: not those of a protocol, a named tuple or an enum."""
    kinds = {"Protocol", "NamedTuple", "TypedDict", "Enum", "IntEnum", "StrEnum", "Flag"}
    return {
        node.name
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not kinds & {ast.unparse(base) for base in node.bases}
    }


@pytest.mark.parametrize("trouble", [SystemExit(1), TypeError("of mypyc"), ImportError("mypyc")])
def test_where_mypyc_fails_the_tree_is_installed_as_python(
    recipe: dict[str, Any],
    trouble: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr("mypyc.build.mypycify", fail)
    assert recipe["extensions"]() == []
    assert "runs as Python" in capsys.readouterr().err


def test_without_a_compiler_nothing_is_left_half_compiled(
    recipe: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.c").write_text("int good;\n")
    Path("bad.c").write_text("this is no C\n")
    modules = [Extension("good", ["good.c"]), Extension("bad", ["bad.c"])]
    building = recipe["BuildOrLeaveIt"](Distribution({"name": "x", "ext_modules": modules}))
    building.build_lib = building.build_temp = "out"
    building.ensure_finalized()
    building.run()
    assert building.extensions == []
    assert not list(tmp_path.rglob("*.so"))
