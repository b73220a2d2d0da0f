"""Every Python block of the documentation runs, page by page, as a reader would run it."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import registry

from .code_blocks import Block, code_blocks

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("packages/*/*.md")))
RUN = [path for path in PAGES if any(each.language == "python" for each in code_blocks(path))]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def compiled(block: Block, path: Path) -> Any:
    """The block as code that may use `await` at its top, with lines as in the page."""
    tree = ast.parse("\n" * (block.line - 1) + block.text, filename=name(path))
    return compile(tree, name(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


async def run_in_loop(code: Any, namespace: dict[str, Any]) -> None:
    done = eval(code, namespace)
    if inspect.isawaitable(done):
        await done


@pytest.mark.parametrize("path", RUN, ids=name)
def test_python_blocks_run(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The blocks of a page share their names, as in a notebook; those that wait share a loop."""
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "page"}
    with asyncio.Runner() as runner:
        for block in code_blocks(path):
            if block.language != "python":
                continue
            code = compiled(block, path)
            if code.co_flags & inspect.CO_COROUTINE:
                runner.run(run_in_loop(code, namespace))
            else:
                exec(code, namespace)
    pyplot.close("all")
    assert not hasattr(asyncio, "_nest_patched"), "a page must not change asyncio for other tests"
    capsys.readouterr()


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_toml_blocks_can_be_read(path: Path) -> None:
    for block in code_blocks(path):
        if block.language == "toml":
            tomllib.loads(block.text)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_in_console_blocks_exist(path: Path) -> None:
    pytest.importorskip("typer")
    from tests.command import ekspiper

    listed = ekspiper("--help").out.partition("Commands:\n")[2].partition("\n\n")[0]
    known = {line.split()[0] for line in listed.splitlines() if line[2:3].strip()}
    assert "daemon" in known
    for block in code_blocks(path):
        if block.language == "console":
            asked = re.findall(r"^\$ ekspiper (\w+)", block.text, re.MULTILINE)
            assert set(asked) <= known, name(path)


def test_collectors_named_in_configurations_exist() -> None:
    known = set(registry.known("collectors"))
    for path in PAGES:
        for block in code_blocks(path):
            if block.language == "toml":
                named = re.findall(r'^type = "(\w+)"', block.text, re.MULTILINE)
                assert set(named) <= known, name(path)
