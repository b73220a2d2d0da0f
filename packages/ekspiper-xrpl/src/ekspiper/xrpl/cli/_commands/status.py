"""`ekspiper status`: how a daemon is doing, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from ekspiper.xrpl.daemon_status import read_status

from .._options import Json
from .._streams import say, say_json

__all__ = ["status"]

_DEFAULT = "http://127.0.0.1:9464"


def status(
    target: Annotated[
        str,
        typer.Argument(
            metavar="URL|DIR",
            help="The port of a daemon, or the folder of its state.",
            show_default=False,
        ),
    ] = _DEFAULT,
    as_json: Json = False,
) -> None:
    """Show how a daemon is doing: ledger, nodes, sinks, dead letters.

    Without an argument it asks http://127.0.0.1:9464. For the folder of a daemon that is stopped it
    shows where that daemon will resume.

    The exit code is 0 when the daemon is ready, 1 when it is not or is stopped, and 2 when there is
    no daemon.

    Examples:
      ekspiper status 127.0.0.1:9464
      ekspiper status out/mainnet --json
    """
    document = read_status(target)
    if as_json:
        say_json(document)
    else:
        for line in _lines(document):
            say(line)
    # For scripts and health checks, which look at nothing else.
    if not document["ready"]:
        raise typer.Exit(1)


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    name = document.get("network") or document.get("state_folder") or "daemon"
    yield f"{name}: {'ready' if document['ready'] else 'not ready'} ({document['state']})"
    for reason in document["reasons"]:
        yield f"  {reason}"
    yield from _ledger(document)
    yield from _nodes(document.get("nodes", []))
    yield from _sinks(document.get("pipeline", []), " ".join(document["reasons"]))
    yield from _dead_letters(document["dead_letters"])


def _ledger(document: Mapping[str, Any]) -> Iterator[str]:
    ledger = document["ledger"]
    kept, newest = ledger["kept"], ledger.get("network")
    facts = ["none kept yet" if kept is None else f"{kept:,} kept"]
    if kept is not None and newest:
        facts.append(f"{max(0, newest - kept):,} behind the network")
    if kept is not None and ledger.get("lag") is not None:
        facts.append(f"{ledger['lag']:,.1f} s old")
    if "proven" in ledger:
        facts.append(ledger["proven"])
    if "checkpoint" in document:
        facts.append(f"checkpoint of {document['checkpoint']['written']}")
    yield f"ledger        {', '.join(facts)}"
    if "rate" in document:
        total = document["transactions"]
        yield f"transactions  {document['rate']:,.1f} a second, {total:,} since the start"


def _nodes(nodes: list[Mapping[str, Any]]) -> Iterator[str]:
    if nodes:
        ready = sum(node["state"] == "ready" for node in nodes)
        yield f"nodes         {ready} of {len(nodes)} ready"
    for node in nodes:
        why = f": {node['problem']}" if node["problem"] else ""
        newest = f", newest ledger {node['newest']:,}" if node["newest"] else ""
        yield f"  {node['url']} {node['state']}{why}{newest}"


def _sinks(flows: list[Mapping[str, Any]], said: str) -> Iterator[str]:
    """Args: said: the reasons that stand above, which need not be said again."""
    if flows:
        yield "pipeline"
    for flow in flows:
        for step in flow["steps"]:
            place = f"{flow['name']}/{step['name']}"
            if step["problem"]:
                yield f"  {place} is failing: {step['problem']}"
            for target in step["to"]:
                yield f"  {_target(place, target, said)}"


def _target(place: str, target: Mapping[str, Any], said: str) -> str:
    if "queue" in target:
        return f"{target['queue']}: {target['items']:,} of {target['limit']:,} waiting"
    problem = ", is failing" if target["problem"] else ""
    if problem and target["problem"] not in said:
        problem += f": {target['problem']}"
    return f"{place}/{target['collector']}: {target['items']:,} kept{problem}"


def _dead_letters(letters: Mapping[str, Any]) -> Iterator[str]:
    where = f", in {letters['file']}" if letters["file"] and letters["count"] else ""
    yield f"dead letters  {letters['count']:,}{where}"
    for letter in letters["last"][:5]:
        yield f"  {letter['position']}: {letter['error']}: {letter['message']}"
