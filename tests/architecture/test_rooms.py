"""Every folder is a room with a door: what is behind it stays behind it, and its files are found by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_FILES = 20
SHORT, SHORT_SHARE = 40, 0.1
LONG_WITH_A_REASON = {
    "ekspiper.xrpl.explorer.explorer": "one method for each question, and its docstring is the reference",
    "ekspiper.xrpl.client.pool": "the whole contract of the client is in one place",
    "ekspiper.xrpl.client._node": "the life of one connection is one state machine",
}
PUBLIC_WITHOUT_THE_DOOR = {
    "ekspiper.core.testing.collector_contract",  # contract suites need pytest: imported by name
    "ekspiper.core.testing.processor_contract",
    "ekspiper.core.testing.source_contract",
}


def _sources() -> dict[str, Path]:
    found = {}
    for path in sorted(ROOT.glob("packages/*/src/ekspiper/*/**/*.py")):
        parts = path.with_suffix("").parts
        name = ".".join(parts[parts.index("src") + 1 :]).removesuffix(".__init__")
        found[name] = path
    return found


SOURCES = _sources()
DOORS = {name for name, path in SOURCES.items() if path.name == "__init__.py"}
MODULES = sorted(SOURCES.keys() - DOORS)


def _exports(door: str) -> set[str]:
    for node in ast.parse(SOURCES[door].read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(each, ast.Name) and each.id == "__all__" for each in targets):
            value = node.value  # type: ignore[attr-defined]
            return set(ast.literal_eval(value))
    raise AssertionError(f"{door} has no __all__")


def _imports(name: str) -> Iterator[tuple[int, str]]:
    """The modules that a file imports something from, with the line."""
    path = SOURCES[name]
    package = name if name in DOORS else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = node.module or ""
        if node.level:
            around = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*around, *([node.module] if node.module else [])])
        if not base.startswith("ekspiper."):
            continue
        if base not in DOORS:
            yield node.lineno, base
            continue
        exports = _exports(base)
        for alias in node.names:
            inside = f"{base}.{alias.name}"
            if inside in SOURCES and inside not in DOORS and alias.name not in exports:
                yield node.lineno, inside


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_other_rooms_are_entered_by_the_door(name: str) -> None:
    package = name if name in DOORS else name.rpartition(".")[0]
    for line, module in _imports(name):
        room = module.rpartition(".")[0]
        assert package == room or package.startswith(f"{room}."), (
            f"{SOURCES[name]}, line {line}: {module} is imported past the door of {room}"
        )


@pytest.mark.parametrize("door", sorted(DOORS))
def test_a_door_lists_what_it_exports(door: str) -> None:
    names = _exports(door)
    assert all(not name.startswith("_") for name in names)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_nobody_outside_needs_has_an_underscore(name: str) -> None:
    room, _, module = name.rpartition(".")
    hidden = any(part.startswith("_") for part in name.split("."))
    if hidden or name.count(".") < 2 or name in PUBLIC_WITHOUT_THE_DOOR or module == "__main__":
        return
    if room in ("ekspiper.sinks", "ekspiper.xrpl"):
        return  # their doors are empty on purpose: each module has its own extra, or loads late
    door = ast.parse(SOURCES[room].read_text(encoding="utf-8"))
    exported = {
        (node.module or "").split(".")[0] or alias.name
        for node in ast.walk(door)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }
    assert module in exported, f"export something of {name} at the door, or call it _{module}"


@pytest.mark.parametrize("door", sorted(DOORS))
def test_a_room_can_be_held_in_the_head(door: str) -> None:
    modules = [name for name in MODULES if name.rpartition(".")[0] == door]
    assert len(modules) <= MOST_FILES, f"{door} has {len(modules)} files"


def test_few_files_are_closets() -> None:
    short = [name for name in MODULES if _lines(name) < SHORT]
    assert len(short) < SHORT_SHARE * len(MODULES), short


@pytest.mark.parametrize("name", MODULES)
def test_a_long_file_has_a_reason(name: str) -> None:
    assert _lines(name) <= 400 or name in LONG_WITH_A_REASON, f"{name} has {_lines(name)} lines"


def _lines(name: str) -> int:
    return SOURCES[name].read_text(encoding="utf-8").count("\n")
