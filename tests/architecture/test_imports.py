"""What keeps the packages apart and their public names true."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from _pytest.mark import ParameterSet

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("core", "sinks", "xrpl")
LAZY_FACADES = {ROOT / "packages/ekspiper-xrpl/src/ekspiper/xrpl/__init__.py"}
"""Facades that import when a name is first used: a program that wants the codec alone loads no client."""
MAY_IMPORT = {"core": {"core"}, "sinks": {"core", "sinks"}, "xrpl": {"core", "xrpl"}}


def folder(part: str) -> Path:
    return ROOT / "packages" / f"ekspiper-{part}" / "src" / "ekspiper"


def files(part: str) -> list[Path]:
    return sorted((folder(part) / part).rglob("*.py"))


def module_name(part: str, path: Path) -> str:
    relative = path.relative_to(folder(part)).with_suffix("")
    return ".".join(("ekspiper", *relative.parts)).removesuffix(".__init__")


def imported_parts(tree: ast.AST) -> Iterator[str]:
    """The second word of every absolute `ekspiper.` import, wherever it stands in the file."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            words = name.split(".")
            if words[0] == "ekspiper" and len(words) > 1:
                yield words[1]


def parameters(*, facades: bool | None = None) -> list[ParameterSet]:
    """Every file; or only the facades; or only the others."""
    return [
        pytest.param(part, path, id=module_name(part, path))
        for part in PARTS
        for path in files(part)
        if facades is None or facades is (path.name == "__init__.py")
    ]


def test_ekspiper_is_an_implicit_namespace() -> None:
    assert [part for part in PARTS if (folder(part) / "__init__.py").exists()] == []


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_typed(part: str) -> None:
    assert (folder(part) / part / "py.typed").exists()


@pytest.mark.parametrize(("part", "path"), parameters())
def test_imports_point_inward(part: str, path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert set(imported_parts(tree)) <= MAY_IMPORT[part]


@pytest.mark.parametrize(("part", "path"), parameters(facades=True))
def test_a_facade_has_no_logic(part: str, path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path in LAZY_FACADES:
        return
    for node in tree.body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        names_exports = isinstance(node, ast.Assign | ast.AnnAssign) and [
            target.id for target in _targets(node) if isinstance(target, ast.Name)
        ] == ["__all__"]
        assert is_docstring or names_exports or isinstance(node, ast.Import | ast.ImportFrom), (
            f"{path}, line {node.lineno}: a facade imports and does nothing else"
        )


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


@pytest.mark.parametrize(("part", "path"), parameters(facades=False))
def test_all_is_what_a_module_defines(part: str, path: Path) -> None:
    if path.name == "__main__.py":
        return
    module = importlib.import_module(module_name(part, path))
    exported = getattr(module, "__all__", None)
    assert exported is not None, f"{path} has no __all__"
    assert sorted(exported) == sorted(set(exported)), "a name is exported twice"
    missing = [name for name in exported if not hasattr(module, name)]
    assert missing == [], "exported and not there"
    unlisted = set(_defined_in(module)) - set(exported)
    assert unlisted == set(), "public and not exported: list it, or give it an underscore"


def _defined_in(module: ModuleType) -> Iterator[str]:
    """Public classes and functions that the module defines itself, not its constants."""
    for name, value in vars(module).items():
        if name.startswith("_") or not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        if value.__module__ == module.__name__:
            yield name


@pytest.mark.parametrize(("part", "path"), parameters())
def test_a_module_says_what_it_is(part: str, path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), (
        f"{path} has no docstring"
    )
