"""Draws the flowcharts of the pages when the site is built, so that they need no script.

Understood is what the pages use: nodes in any brackets, `-->`, `-->|text|`, `-. text .->`, `---`,
chains and `&`. Subgraphs are left out. The drawing takes its colours from the page.

Syntax: https://mermaid.js.org/syntax/flowchart.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

_NODE = re.compile(r"(\w+)\s*(?:[\[\(\{/>\"]+(.*?)[\]\)\}/\"]+)?")
_LINK = re.compile(
    r"\s*(?:--\s+([^-]+?)\s+-->|-\.\s*(.*?)\s*\.->|(-->|---|==>))\s*(?:\|([^|]*)\|)?\s*"
)
_SKIPPED = (
    "flowchart",
    "graph",
    "subgraph",
    "end",
    "%%",
    "classDef",
    "class ",
    "style",
    "direction",
)
_LETTER, _HEIGHT, _ROW, _GAP = 8.0, 34, 58, 110
_OVER = 56  # how far a link rises that passes over other nodes


@dataclass(slots=True)
class _Node:
    label: str
    before: list[str] = field(default_factory=list)
    layer: int = 0
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        return max(len(line) for line in self.lines) * _LETTER + 24

    @property
    def lines(self) -> list[str]:
        return re.split(r"<br\s*/?>|\\n", self.label)


def fence(source: str, language: str, css_class: str, options: Any, md: Any, **kwargs: Any) -> str:
    """A fence of `pymdownx.superfences`: the flowchart as SVG."""
    nodes, links = _read(source)
    width, height = _place(nodes)
    drawn = [*_links(nodes, links), *_boxes(nodes)]
    return (
        f'<div class="{css_class}" style="overflow-x:auto"><svg viewBox="0 0 {width:.0f} '
        f'{height:.0f}" style="min-width:{min(width, 700):.0f}px;max-width:{width:.0f}px" '
        'role="img" font-family="inherit" font-size="13" fill="none" stroke="currentColor">'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="currentColor" '
        f'stroke="none"/></marker></defs>{"".join(drawn)}</svg></div>'
    )


def _read(source: str) -> tuple[dict[str, _Node], list[tuple[str, str, str]]]:
    nodes: dict[str, _Node] = {}
    links: list[tuple[str, str, str]] = []
    for line in (line.strip() for line in source.splitlines()):
        if not line or line.startswith(_SKIPPED):
            continue
        left, text, at = _group(line, 0, nodes)[0], "", _group(line, 0, nodes)[1]
        while found := _LINK.match(line, at):
            text = found[1] or found[2] or found[4] or ""
            right, at = _group(line, found.end(), nodes)
            links += [(a, b, text) for a in left for b in right]
            left = right
    for a, b, _ in links:
        nodes[b].before.append(a)
    return nodes, links


def _group(line: str, at: int, nodes: dict[str, _Node]) -> tuple[list[str], int]:
    """Nodes joined by `&`, and where they end."""
    names = []
    while found := _NODE.match(line, at):
        name, label = found[1], found[2]
        if name not in nodes or label:
            before = nodes[name].before if name in nodes else []
            nodes[name] = _Node((label or name).strip('"[]()/'), before)
        names.append(name)
        at = found.end()
        more = re.match(r"\s*&\s*", line[at:])
        if not more:
            break
        at += more.end()
    return names, at


def _place(nodes: dict[str, _Node]) -> tuple[float, float]:
    """Layers from left to right, by the longest way to a node."""
    for _ in range(min(len(nodes), 30)):
        for node in nodes.values():
            node.layer = min(30, max((nodes[each].layer + 1 for each in node.before), default=0))
    layers: dict[int, list[_Node]] = {}
    for node in nodes.values():
        layers.setdefault(node.layer, []).append(node)
    rows = max(map(len, layers.values()))
    x = 4.0
    for number in sorted(layers):
        layer = layers[number]
        for place, node in enumerate(layer):
            node.x, node.y = x, (place + 0.5) * rows / len(layer) * _ROW + 24
        x += max(node.width for node in layer) + _GAP
    return x - _GAP + 4, rows * _ROW + 30


def _boxes(nodes: dict[str, _Node]) -> Iterator[str]:
    for node in nodes.values():
        top = node.y - _HEIGHT / 2
        yield (
            f'<rect x="{node.x:.0f}" y="{top:.0f}" width="{node.width:.0f}" height="{_HEIGHT}" '
            'rx="6" stroke-opacity="0.6"/>'
        )
        middle = node.x + node.width / 2
        for number, line in enumerate(node.lines):
            y = node.y + 4.5 + (number - (len(node.lines) - 1) / 2) * 14
            yield _words(line, middle, y)


def _links(nodes: dict[str, _Node], links: list[tuple[str, str, str]]) -> Iterator[str]:
    for a, b, text in links:
        start, end = nodes[a], nodes[b]
        x, y = start.x + start.width, start.y
        over = _OVER if end.layer - start.layer > 1 else 0
        yield (
            f'<path d="M{x:.0f} {y:.0f} C{x + 30:.0f} {y - over:.0f} {end.x - 30:.0f} '
            f"{end.y - over:.0f} "
            f'{end.x:.0f} {end.y:.0f}" stroke-opacity="0.6" marker-end="url(#arrow)"/>'
        )
        if text:
            yield _words(text, (x + end.x) / 2, (y + end.y) / 2 - 5, size=11)


def _words(text: str, x: float, y: float, *, size: int = 13) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.1f}" text-anchor="middle" fill="currentColor" stroke="none" '
        f'font-size="{size}">{escape(text)}</text>'
    )
