"""The modules of the core import each other in one direction."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import ekspiper.core

ROOT = Path(ekspiper.core.__file__).parent


def modules() -> dict[str, Path]:
    return {
        ".".join(("ekspiper", "core", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in ROOT.rglob("*.py")
    }


def imported_by(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """Wherever the import stands: in a function and for types alone counts, too."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        target = ".".join([*base, *filter(None, [node.module])])
        found |= {f"{target}.{alias.name}" for alias in node.names} | {target}
    return (found & known.keys()) - {name}


def test_no_module_imports_itself_through_others() -> None:
    known = modules()
    graph = {name: imported_by(name, path, known) for name, path in known.items()}
    assert sum(map(len, graph.values())) > 100, "imports are not found any more"
    TopologicalSorter(graph).prepare()  # raises a CycleError that names the circle
