"""Writes the trees of `docs/architecture.md` from the first lines of the modules' docstrings.

`python docs/hooks/tree.py` writes them, with `--check` it only says whether they are up to date.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
MARKS = re.compile(r"(<!-- tree (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
WIDTH = 30


# A .pxi is a part of a module that is compiled.
_SUFFIXES = {".py", ".pyx", ".pxi"}


def page() -> str:
    """The page with trees as they should be now."""
    return MARKS.sub(
        lambda found: f"{found[1]}\n```text\n{tree(found[2])}\n```\n\n{found[3]}",
        PAGE.read_text(encoding="utf-8"),
    )


def tree(part: str) -> str:
    """The rooms and modules of a package, each with what it is."""
    return "\n".join(_rows(ROOT / "packages" / f"ekspiper-{part}" / "src" / "ekspiper" / part, ""))


def _rows(folder: Path, indent: str) -> Iterator[str]:
    yield _row(f"{indent}{folder.name}/", folder / "__init__.py")
    below = indent + "  "
    rooms = [each for each in sorted(folder.iterdir()) if (each / "__init__.py").exists()]
    modules = [each for each in sorted(folder.iterdir()) if each.suffix in _SUFFIXES]
    for module in modules:
        if module.name != "__init__.py":
            yield _row(f"{below}{module.name}", module)
    for room in rooms:
        yield from _rows(room, below)


def _row(name: str, module: Path) -> str:
    text = module.read_text(encoding="utf-8")
    if module.suffix == ".py":
        said = _docstring(text)
    elif module.suffix == ".pxi":  # begins with a comment, as its text is not a module
        said = text.removeprefix("# ").replace("Included by", "A part of", 1)
    else:
        said = text[text.index('"""') + 3 :]
    return f"{name:<{WIDTH}} {said.splitlines()[0]}"


def _docstring(text: str) -> str:
    return ast.get_docstring(ast.parse(text)) or ""


def main() -> int:
    """Write the trees, or only compare."""
    if page() == PAGE.read_text(encoding="utf-8"):
        return 0
    if "--check" in sys.argv:
        print(f"{PAGE.name} is not up to date: hatch run dev:tree", file=sys.stderr)
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
