"""The status page: HTML that needs no JavaScript, and a few lines of it that keep it current."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

__all__ = ["page", "script", "style", "view"]

Document = Mapping[str, Any]

# Width and height of a chart, in units of its own; it is stretched to its place.
_CHART = (300, 60)


@cache
def style() -> str:
    """The style sheet."""
    return _file("page.css")


@cache
def script() -> str:
    """What replaces the view with each message of `/events`."""
    return _file("page.js")


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def page(document: Document) -> str:
    """The whole page."""
    network = escape(document["network"] or "network not known yet")
    configuration = escape(json.dumps(document["configuration"], indent=2, ensure_ascii=False))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ekspiper: {network}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="page.css">
<script src="page.js" defer></script>
<noscript><meta http-equiv="refresh" content="5"></noscript>
</head>
<body>
<header><h1>ekspiper <span>{network}</span></h1><p id="connection" role="status"></p></header>
<main id="view">
{view(document)}
</main>
<details><summary>Configuration</summary><pre>{configuration}</pre></details>
<footer>
<a href="metrics">metrics</a> <a href="ready">ready</a> <a href="health">health</a>
<a href="status">status as JSON</a>
<span>version {escape(document["version"])}, started {escape(document["started"])}</span>
</footer>
</body>
</html>
"""


def view(document: Document) -> str:
    """The part of the page that changes."""
    return "\n".join(
        (
            _readiness(document),
            _numbers(document),
            _charts(document["history"]),
            _section("Pipeline", _pipeline(document["pipeline"])),
            _section("Nodes", _nodes(document["nodes"])),
            _section("Dead letters", _dead_letters(document["dead_letters"])),
        )
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _readiness(document: Document) -> str:
    if document["ready"]:
        return '<p class="state good">Ready</p>'
    reasons = "".join(f"<li>{escape(each)}</li>" for each in document["reasons"])
    state = "Starting" if document["state"] in ("starting", "opening") else "Not ready"
    state = "Draining" if document["state"] == "draining" else state
    return f'<div class="state bad">{state}<ul>{reasons}</ul></div>'


def _numbers(document: Document) -> str:
    ledger = document["ledger"]
    newest, kept, signed = ledger["network"], ledger["kept"], ledger["signed"]
    ahead = f"{max(0, newest - kept):,} more than what is kept" if newest and kept else ""
    age = f"{_age(ledger['lag'])} old, {ledger['proven']}" if kept else "nothing in this run"
    numbers = (
        ("Newest ledger kept", f"{kept:,}" if kept else "none yet", age),
        ("Newest of the network", _count(newest), ahead),
        *([("Newest signed", _count(signed), "by a quorum of validators")] if signed else []),
        (
            "Transactions a second",
            f"{document['rate']:,.1f}",
            f"{document['transactions']:,} since the start",
        ),
        ("Read and not yet kept", _count(ledger["open"]), "ledgers"),
        ("Dead letters", _count(document["dead_letters"]["count"]), "since the start"),
    )
    return '<dl class="numbers">{}</dl>'.format(
        "".join(
            f"<div><dt>{name}</dt><dd>{value}<small>{escape(more)}</small></dd></div>"
            for name, value, more in numbers
        )
    )


def _charts(history: Mapping[str, Any]) -> str:
    minutes = max(1, round(len(history["rate"]) * history["every"] / 60))
    span = f"last {minutes} min"
    return '<div class="charts">{}{}</div>'.format(
        _chart("Transactions a second", span, history["rate"], lambda value: f"{value:,.0f}"),
        _chart("Age of what is kept", span, history["lag"], _age),
    )


def _chart(
    title: str, span: str, values: Sequence[float | None], shown: Callable[[float | None], str]
) -> str:
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return f"<figure><figcaption>{title}</figcaption><p>no samples yet</p></figure>"
    # A flat line at 0 must not divide by it.
    top = max(max(known), 1e-9)
    width, height = _CHART
    step = width / (len(values) - 1)
    points = " ".join(
        f"{place * step:.1f},{height - value / top * height:.1f}"
        for place, value in enumerate(values)
        if value is not None
    )
    label = f"{title}: {shown(known[-1])} now, at most {shown(top)} in the {span}"
    return (
        f"<figure><figcaption>{title} <b>{escape(shown(known[-1]))}</b>"
        f"<small>at most {escape(shown(top))}, {span}</small></figcaption>"
        f'<svg viewBox="0 -2 {width} {height + 4}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}"><polyline points="{points}"/></svg></figure>'
    )


def _pipeline(flows: Sequence[Mapping[str, Any]]) -> str:
    if not flows:
        return "<p>It is drawn as soon as the run begins.</p>"
    by_queue: dict[str, list[Mapping[str, Any]]] = {}
    for flow in flows:
        if flow["queue"] is not None:
            by_queue.setdefault(flow["queue"], []).append(flow)
    roots = [flow for flow in flows if flow["queue"] is None]
    steps = "".join(_step(step, by_queue) for flow in roots for step in flow["steps"])
    return f'<div class="tree"><ul class="root">{steps}</ul></div>'


def _step(step: Mapping[str, Any], by_queue: Mapping[str, list[Mapping[str, Any]]]) -> str:
    problem = _problem(step["problem"])
    box = (
        f'<div class="box step{" bad" if problem else ""}"><b>{escape(step["name"])}</b>'
        f"<span>{step['in']:,} in, {step['out']:,} out</span>{problem}</div>"
    )
    return f"<li>{box}{_list(_target(each, by_queue) for each in step['to'])}</li>"


def _target(target: Mapping[str, Any], by_queue: Mapping[str, list[Mapping[str, Any]]]) -> str:
    if "queue" not in target:
        return f"<li>{_collector(target)}</li>"
    filled = max(target["items"] / target["limit"], target["bytes"] / max(1, target["bytes_limit"]))
    name = target["queue"]
    box = (
        f'<div class="box queue{" full" if filled >= 0.9 else ""}"><b>{_breakable(name)}</b>'
        f'<meter min="0" max="1" value="{filled:.3f}">{filled:.0%}</meter>'
        f"<span>{target['items']:,} of {target['limit']:,} waiting</span></div>"
    )
    steps = (_step(step, by_queue) for flow in by_queue.get(name, []) for step in flow["steps"])
    return f"<li>{box}{_list(steps)}</li>"


def _collector(target: Mapping[str, Any]) -> str:
    problem = _problem(target["problem"])
    letters = target["dead_letters"]
    more = f", {letters:,} dead letters" if letters else ""
    return (
        f'<div class="box sink {"bad" if problem else "good"}">'
        f"<b>{escape(target['collector'])}</b>"
        f"<span>{target['items']:,} kept, {_bytes(target['bytes'])}{more}</span>{problem}</div>"
    )


def _breakable(name: str) -> str:
    """A long name that a narrow box may break at its underscores."""
    return escape(name).replace("_", "_<wbr>")


def _problem(text: str | None) -> str:
    return f'<em class="problem">{escape(text)}</em>' if text else ""


def _list(items: Iterable[str]) -> str:
    content = "".join(items)
    return f"<ul>{content}</ul>" if content else ""


def _nodes(nodes: Sequence[Mapping[str, Any]]) -> str:
    if not nodes:
        return "<p>No node yet.</p>"
    rows = "".join(
        f'<tr class="{"good" if node["state"] == "ready" else "bad"}">'
        f"<th>{escape(node['url'])}<small>{escape(_software(node))}</small></th>"
        f'<td data-name="state"><b>{node["state"]}</b>'
        f"<small>{escape(node['problem'])}</small></td>"
        f'<td data-name="newest ledger">{_count(node["newest"])}</td>'
        f'<td data-name="answers in">{_latency(node["latency"])}</td>'
        f'<td data-name="open requests">{node["in_flight"]:,}</td>'
        f'<td data-name="requests">{node["requests"]:,}</td>'
        f'<td data-name="errors">{node["errors"]:,}</td>'
        f'<td data-name="reconnects">{node["reconnects"]:,}</td></tr>'
        for node in nodes
    )
    heads = "<th>node</th><th>state</th><th>newest ledger</th><th>answers in</th>"
    heads += "<th>open requests</th><th>requests</th><th>errors</th><th>reconnects</th>"
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _software(node: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (node["kind"], node["version"])))


def _dead_letters(letters: Mapping[str, Any]) -> str:
    where = f" They are in <code>{escape(letters['file'])}</code>." if letters["file"] else ""
    if not letters["last"]:
        return f"<p>None.{where if letters['count'] else ''}</p>"
    rows = "".join(
        f"<tr><th>{escape(str(each['position'] or ''))}<small>{escape(each['time'])}</small></th>"
        f'<td data-name="where">{escape(_place(each))}</td>'
        f'<td data-name="why"><b>{escape(each["error"])}</b>'
        f"<small>{escape(each['message'])}</small></td></tr>"
        for each in letters["last"]
    )
    heads = "<th>ledger</th><th>where</th><th>why</th>"
    return (
        f"<p>The newest {len(letters['last'])}.{where}</p>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _place(letter: Mapping[str, Any]) -> str:
    return "/".join(filter(None, (letter["flow"], letter["step"], letter["collector"])))


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _latency(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:,.0f} ms"


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.1f} s"


def _bytes(count: int) -> str:
    for size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"
