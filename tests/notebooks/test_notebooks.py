"""The notebooks: stored without outputs, and run from top to bottom in a real kernel."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")
nbclient = pytest.importorskip("nbclient")

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = (
    "01-first-look",
    "02-follow-live",
    "03-order-books-and-trades",
    "04-your-own-pipeline",
    "05-backfill-to-parquet-and-query",
)
# Jupyter's own packages still warn about each other.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def read(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_every_notebook_is_run() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_stored_without_outputs(name: str) -> None:
    book = read(name)
    nbformat.validate(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [], cell.source
            assert cell.execution_count is None
    assert book.cells[0].source.startswith("# ")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_from_top_to_bottom(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    book = read(name)
    began = time.monotonic()
    client = nbclient.NotebookClient(
        book, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()

    assert time.monotonic() - began < 60
    if name == NAMES[0]:
        assert seconds_to_first_picture(book) < 10
    stderr = [
        output.text
        for cell in book.cells
        for output in cell.get("outputs", ())
        if output.get("name") == "stderr" and "ledgers" not in output.text
    ]
    assert stderr == []


def seconds_to_first_picture(book: Any) -> float:
    """From the import to the first table and picture, by the kernel's own clock."""
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    picture = next(place for place, cell in enumerate(code) if "pictures." in cell.source)
    shown = [
        kind
        for cell in code[: picture + 1]
        for each in cell.outputs
        for kind in each.get("data", ())
    ]
    assert {"text/html", "image/png"} <= set(shown)
    began = code[0].metadata["execution"]["iopub.execute_input"]
    ended = code[picture].metadata["execution"]["shell.execute_reply"]
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
