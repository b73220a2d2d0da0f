"""The dashboards: what is committed is what the code makes, and every expression has an answer."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from types import ModuleType
from typing import Any

import pytest

from ekspiper.xrpl.replay import SAMPLE, Recording

from ..alerts.conftest import World
from ..alerts.conftest import world as world
from .conftest import DEPLOY, ROOT

FOLDER = DEPLOY / "grafana"


def _code() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dashboards", FOLDER / "dashboards.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["dashboards"] = module
    spec.loader.exec_module(module)
    return module


code = _code()
names = pytest.mark.parametrize("name", list(code.DASHBOARDS))


def panels(name: str) -> list[dict[str, Any]]:
    """The panels of a committed dashboard."""
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text())["panels"]
    return found


@names
def test_what_is_committed_is_what_the_code_makes(name: str) -> None:
    """If not: `hatch run dev:dashboards`."""
    assert (FOLDER / f"{name}.json").read_text() == code.written(code.DASHBOARDS[name])


@names
def test_panels_fill_their_rows_and_do_not_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(name):
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken, panel["title"]
        assert grid["x"] + grid["w"] <= code.WIDTH
        taken |= cells
    assert len({panel["id"] for panel in panels(name)}) == len(panels(name))


@names
def test_each_metric_is_documented(name: str) -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    for query in code.queries(code.DASHBOARDS[name]):
        used = set(re.findall(r"\b(?:ekspiper|xrpl|process)_\w+", query.full))
        bare = {re.sub(r"_(bucket|sum|count)$", "", each) for each in used}
        assert bare <= documented, query


async def answered(world: World, *, needs: str) -> None:
    """Ask every expression of the dashboards that needs this, until it has an answer."""
    asked = 0
    for board in code.DASHBOARDS.values():
        for query in code.queries(board):
            if query.needs != needs:
                continue
            asked += 1
            expression = query.full.replace("$__rate_interval", "4s")
            expression = expression.replace("$job", ".*").replace("$instance", ".*")
            answer = await world.until(expression, within=15)
            labels = {label for series in answer for label in series["metric"]}
            missing = set(re.findall(r"{{(\w+)}}", query.legend)) - labels
            assert not missing, f"{query.full} has no label {missing}"
            values = [float(series["value"][1]) for series in answer]
            assert any(value == value for value in values), f"{query.full} is not a number"
    assert asked


@pytest.mark.slow
async def test_every_expression_has_an_answer_from_a_real_run(world: World) -> None:
    """A run with signatures, which has the metrics of one without as well."""
    nodes = [(await world.node("--close-every", 0.2))[0] for _ in range(2)]
    with Recording.sample() as recording:
        (publisher,) = recording.publisher_keys
    world.daemon(*nodes, options=("--trust", f"{publisher}={SAMPLE / 'vl.json'}"))
    await world.until("changes(xrpl_ledger_index[4s]) > 2")
    for needs in ("", code.SIGNATURES):
        await answered(world, needs=needs)
    (days,) = await world.query("ekspiper_validator_list_expires_seconds / 86400")
    assert 0 < float(days["value"][1]) < 3650
    (signers,) = await world.query("ekspiper_signers")
    validators = await world.query("ekspiper_validator_behind_ledgers")
    assert 0 < float(signers["value"][1]) <= len(validators)
    heard = await world.query("ekspiper_validations_total")
    assert "counted" in {each["metric"]["result"] for each in heard}
