"""The notebooks: stored without outputs, and run from top to bottom in a real kernel."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

matplotlib = pytest.importorskip("matplotlib")
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
    # A cache of ledgers of its own; matplotlib's list of fonts stays where it is for everyone.
    monkeypatch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    book = read(name)
    clock = add_clock(book) if name == NAMES[0] else None
    began = time.monotonic()
    client = nbclient.NotebookClient(
        book, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()

    assert time.monotonic() - began < 60
    if clock is not None:
        check_first_picture(book, clock)
    stderr = [
        output.text
        for cell in book.cells
        for output in cell.get("outputs", ())
        if output.get("name") == "stderr" and "ledgers" not in output.text
    ]
    assert stderr == []


def add_clock(book: Any) -> Any:
    """A cell behind the first picture that tells the seconds of work so far, kernel and all.

    Not the time on the wall, which on a busy machine is anything.
    """
    cells = book.cells
    picture = next(place for place, cell in enumerate(cells) if "pictures." in cell.source)
    clock = nbformat.v4.new_code_cell("import time as _time; _time.process_time()")
    cells.insert(picture + 1, clock)
    return clock


def check_first_picture(book: Any, clock: Any) -> None:
    """The first table and the first picture are there, after less than 10 seconds."""
    before = book.cells[: book.cells.index(clock)]
    shown = [each.get("data", {}) for cell in before for each in cell.get("outputs", ())]
    assert any("text/html" in each for each in shown)
    assert any("image/png" in each for each in shown)
    assert float(clock.outputs[0].data["text/plain"]) < 10
