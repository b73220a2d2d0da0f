"""The code blocks of a page of documentation."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Block", "code_blocks"]

_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its language, its text, and the line it begins in."""

    language: str
    text: str
    line: int


def code_blocks(path: Path) -> Iterator[Block]:
    """The blocks of a Markdown file, in order."""
    content = path.read_text(encoding="utf-8")
    for found in _FENCE.finditer(content):
        line = content.count("\n", 0, found.start(3)) + 1
        yield Block(found[2], textwrap.dedent(found[3]), line)
