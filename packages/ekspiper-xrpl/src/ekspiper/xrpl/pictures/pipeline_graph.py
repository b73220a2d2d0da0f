"""A pipeline as a graph of sources, steps, queues and collectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ekspiper.core import ConfigError, Flow, Pipeline, Queue

from ._axes import INK, axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["pipeline_graph"]

# Sizes in inches, of the font that labels are written in.
_LETTER = 0.078
_PAD = 0.24
_GAP = 0.34
_ROW = 0.72
_HEIGHT = 0.34
_INDENT, _TIGHT_ROW = 0.26, 0.46
_FILLS = {"source": "#CDE7F5", "step": "#FFFFFF", "queue": "#FBE3B5", "collector": "#CDEBDD"}
_TEXT = "#111111"  # the boxes are light on any page


@dataclass(slots=True)
class _Node:
    label: str
    kind: str
    flow: str = ""
    before: list[str] = field(default_factory=list)
    layer: int = 0
    x: float = 0.0
    y: float = 0.0

    @property
    def beside(self) -> str:
        """The name of its flow, where that is not its own."""
        return "" if self.flow == self.label else self.flow

    @property
    def width(self) -> float:
        return len(self.label) * _LETTER + _PAD


def pipeline_graph(
    pipeline: Pipeline | Flow, *, narrow: bool = False, ax: Axes | None = None
) -> Axes:
    """Boxes and arrows: sources blue, steps white beside the name of their flow, queues yellow,
    collectors green.

    Args:
        pipeline: or a single flow.
        narrow: one box a line, indented below what leads to it, for a narrow page; otherwise the
            pipeline goes from left to right.
        ax: where to draw; new axes without it.
    """
    flows = (pipeline,) if isinstance(pipeline, Flow) else getattr(pipeline, "flows", None)
    if not flows:
        raise ConfigError(f"{pipeline!r} is neither a pipeline nor a flow")
    nodes = _nodes(flows)
    width, height = _place_below(nodes) if narrow else _place(nodes)
    ax = axes_for(ax, size=(width, height) if narrow else (max(4.0, width), max(1.2, height)))
    for node in nodes.values():
        _draw(ax, node, narrow=narrow)
        for each in node.before:
            (_connect_below if narrow else _connect)(ax, nodes[each], node)
    ax.set_xlim(0, width)
    ax.set_ylim(-height, 0)
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


def _nodes(flows: tuple[Flow, ...]) -> dict[str, _Node]:
    nodes: dict[str, _Node] = {}
    for flow in flows:
        source = flow.source
        start = _queue(nodes, source) if isinstance(source, Queue) else f"{flow.name}<"
        if not isinstance(source, Queue):
            nodes[start] = _Node(flow.source_name, "source")
        for step in flow.steps:
            here = f"{flow.name}/{step.name}"
            many = f" ×{step.concurrency}" if step.concurrency > 1 else ""
            nodes[here] = _Node(step.name + many, "step", flow=flow.name, before=[start])
            for each in step.collectors:
                if isinstance(each, Queue):
                    nodes[_queue(nodes, each)].before.append(here)
                else:
                    nodes[f"{here}/{each.name}"] = _Node(each.name, "collector", before=[here])
    return nodes


def _queue(nodes: dict[str, _Node], queue: Queue) -> str:
    name = f"queue {queue.name}"
    nodes.setdefault(name, _Node(queue.name, "queue"))
    return name


def _place(nodes: dict[str, _Node]) -> tuple[float, float]:
    """Give every node its layer, by the longest way to it, and its place; the size in inches."""
    for _ in nodes:  # the longest way has no more steps than there are nodes
        for node in nodes.values():
            node.layer = max((nodes[each].layer + 1 for each in node.before), default=0)
    x = 0.15
    layers = list(_layers(nodes))
    rows = max(len(layer) for layer in layers)
    for layer in layers:
        widest = max(node.width for node in layer)
        layer.sort(key=lambda node: _height_of(nodes, node))
        step = rows / len(layer)
        for place, node in enumerate(layer):
            node.x, node.y = x, -(place + 0.5) * step * _ROW - 0.2
        x += widest + _GAP
    return x - _GAP + 0.15, rows * _ROW + 0.4


def _place_below(nodes: dict[str, _Node]) -> tuple[float, float]:
    """A line for each node, below the first that leads to it; the size in inches."""
    listed: list[_Node] = []

    def put(name: str, depth: int) -> None:
        node = nodes[name]
        if node in listed:
            return
        node.x, node.y = 0.1 + depth * _INDENT, -(len(listed) + 0.5) * _TIGHT_ROW
        listed.append(node)
        for other, after in nodes.items():
            if name in after.before:
                put(other, depth + 1)

    for name, node in nodes.items():
        if not node.before:
            put(name, 0)
    right = max(node.x + node.width + len(node.beside) * 0.065 for node in listed)
    return right + 0.15, len(listed) * _TIGHT_ROW


def _layers(nodes: dict[str, _Node]) -> Iterator[list[_Node]]:
    for number in range(1 + max(node.layer for node in nodes.values())):
        yield [node for node in nodes.values() if node.layer == number]


def _height_of(nodes: dict[str, _Node], node: _Node) -> float:
    """The middle of what leads to it, from the top down."""
    return -sum(nodes[each].y for each in node.before) / max(1, len(node.before))


def _draw(ax: Axes, node: _Node, *, narrow: bool) -> None:
    from matplotlib.patches import FancyBboxPatch

    rounding = 0.16 if node.kind in ("source", "collector") else 0.04
    ax.add_patch(
        FancyBboxPatch(
            (node.x, node.y - _HEIGHT / 2),
            node.width,
            _HEIGHT,
            boxstyle=f"round,pad=0,rounding_size={rounding}",
            facecolor=_FILLS[node.kind],
            edgecolor=INK,
            linewidth=0.8,
        )
    )
    middle = node.x + node.width / 2
    ax.text(middle, node.y, node.label, ha="center", va="center", fontsize=9, color=_TEXT)
    if narrow:
        x, y, alignment = node.x + node.width + 0.06, node.y, "center_baseline"
    else:
        x, y, alignment = node.x, node.y + _HEIGHT / 2 + 0.03, "bottom"
    ax.text(x, y, node.beside, fontsize=7, color=INK, va=alignment)


def _connect(ax: Axes, start: _Node, end: _Node) -> None:
    ax.annotate(
        "",
        xy=(end.x, end.y),
        xytext=(start.x + start.width, start.y),
        arrowprops={
            "arrowstyle": "-|>",
            "color": INK,
            "linewidth": 0.8,
            "shrinkA": 0,
            "shrinkB": 0,
            "connectionstyle": "arc3,rad=0",
        },
    )


def _connect_below(ax: Axes, start: _Node, end: _Node) -> None:
    """Down from the left end of one box, then right to the other."""
    x = start.x + 0.12
    ax.plot([x, x], [start.y - _HEIGHT / 2, end.y], color=INK, linewidth=0.8)
    ax.annotate(
        "",
        xy=(end.x, end.y),
        xytext=(x, end.y),
        arrowprops={
            "arrowstyle": "-|>",
            "color": INK,
            "linewidth": 0.8,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )
