"""Draws flows as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from .queue import Queue

__all__ = ["Drawn", "fenced", "mermaid"]


class Drawn(Protocol):
    """What is drawn of a flow. Flows draw themselves, so this module does not import theirs."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> Any: ...
    @property
    def source_name(self) -> str: ...
    @property
    def steps(self) -> Sequence[Any]: ...


def mermaid(flows: Iterable[Drawn]) -> str:
    """The flowchart of `flows`: sources and queues, a box for each flow, and the collectors.

    Syntax: https://mermaid.js.org/syntax/flowchart.html
    """
    return "\n".join(["flowchart LR", *_body(tuple(flows))]) + "\n"


def fenced(diagram: str) -> str:
    """The diagram as Markdown, which Jupyter and most documentation tools draw."""
    return f"```mermaid\n{diagram}```"


def _body(flows: tuple[Drawn, ...]) -> Iterator[str]:
    # By identity: two queues of one name are a mistake that the pipeline itself refuses.
    queues = {}
    for number, flow in enumerate(flows):
        if isinstance(flow.source, Queue):
            queues[id(flow.source)] = flow.source
        else:
            yield f"    source{number}([{_text(flow.source_name)}])"
        for step in flow.steps:
            queues.update((id(c), c) for c in step.collectors if isinstance(c, Queue))
    for queue in queues.values():
        yield f"    {_queue_id(queue)}[/{_text(queue.name)}/]"
    for number, flow in enumerate(flows):
        yield f"    subgraph flow{number}[{_text(flow.name)}]"
        for place, step in enumerate(flow.steps):
            yield f"        step{number}_{place}[{_text(_step_label(step))}]"
        yield "    end"
    for number, flow in enumerate(flows):
        yield from _links(number, flow)


def _links(number: int, flow: Drawn) -> Iterator[str]:
    source = _queue_id(flow.source) if isinstance(flow.source, Queue) else f"source{number}"
    for place, step in enumerate(flow.steps):
        here = f"step{number}_{place}"
        yield f"    {source} --> {here}"
        for order, collector in enumerate(step.collectors):
            if isinstance(collector, Queue):
                yield f"    {here} --> {_queue_id(collector)}"
            else:
                yield f"    {here} --> {here}_{order}[({_text(collector.name)})]"


def _step_label(step: Any) -> str:
    return step.name if step.concurrency == 1 else f"{step.name} ×{step.concurrency}"


def _queue_id(queue: Queue) -> str:
    # Mermaid takes letters, digits and underscores in an id; the label beside it has the real
    # name.
    return "q_" + "".join(c if c.isalnum() else "_" for c in queue.name)


def _text(label: str) -> str:
    return '"' + label.replace('"', "#quot;") + '"'
