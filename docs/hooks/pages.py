"""Pages and pictures that are made when the site is built: the notebooks, run, among them.

Without `RUN_NOTEBOOKS=1` notebooks are shown without outputs, which is quicker.
"""

from __future__ import annotations

import base64
import html
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
_STYLE = re.compile(r"<style.*?</style>", re.DOTALL)
_WIDGET = "application/vnd.jupyter.widget-view+json"
_TIMEOUT = 120


def on_files(files: Files, config: Any) -> Files:
    """Add a page for each notebook, its pictures, and the pictures of the other pages."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for name, content in _notebook(path).items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    for name, narrow in (("flows", False), ("flows-narrow", True)):
        content = _flows(narrow=narrow)
        files.append(File.generated(config, f"assets/{name}.svg", content=content))
    files.append(File.generated(config, "assets/sample.svg", content=_sample()))
    return files


def _notebook(path: Path) -> dict[str, str | bytes]:
    """The page of a notebook and its pictures, by file name."""
    book = nbformat.read(path, as_version=4)
    if os.environ.get("RUN_NOTEBOOKS") == "1":
        _run(book)
    made: dict[str, str | bytes] = {}
    parts = []
    for cell in book.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.source.strip():
            parts.append(f"```python\n{cell.source}\n```")
            parts += _outputs(cell, path.stem, made)
    where = f"notebooks/{path.name}"
    parts.insert(
        1, f"*This page is the notebook `{where}` of the repository, run when the site was built.*"
    )
    made[f"{path.stem}.md"] = "\n\n".join(parts)
    return made


def _run(book: nbformat.NotebookNode) -> None:
    from nbclient import NotebookClient

    os.environ["TQDM_DISABLE"] = "1"
    NotebookClient(book, timeout=_TIMEOUT, kernel_name="python3").execute()


def _outputs(cell: Any, stem: str, made: dict[str, str | bytes]) -> Iterator[str]:
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        if output.output_type == "stream":
            yield _text(output.text)
        elif "image/png" in data:
            name = f"{stem}-{sum(key.endswith('.png') for key in made) + 1}.png"
            made[name] = base64.b64decode(data["image/png"])
            yield f'<div class="output"><img src="../{name}" alt="picture"></div>'
        elif "text/html" in data:
            yield f'<div class="output">{_one_line(data["text/html"])}</div>'
        elif "text/plain" in data and _WIDGET not in data:
            yield _text(data["text/plain"])


def _text(text: str) -> str:
    return f'<div class="output"><pre><code>{html.escape(text.strip())}</code></pre></div>'.replace(
        "\n\n", "\n&nbsp;\n"
    )


def _one_line(markup: str) -> str:
    """Markdown ends raw HTML at an empty line, so there are no line breaks in it."""
    return re.sub(
        r"\s*\n\s*", " ", _STYLE.sub("", markup).replace("<table>", '<table class="run">')
    )


def _flows(*, narrow: bool) -> bytes:
    """The flows of the daemon, drawn by the same call as in a notebook."""
    import matplotlib as mpl

    mpl.use("svg")
    from ekspiper.core import Delivery, PassThrough
    from ekspiper.core.testing import RecordingCollector
    from ekspiper.xrpl import pictures
    from ekspiper.xrpl.flows import ledger_pipeline

    class Source:
        name = "new ledger events"

        def __iter__(self) -> Iterator[Any]:
            return iter(())

    kinds = ("transactions", "ledgers", "book_offers", "amms")
    collectors = {kind: [Delivery(RecordingCollector(), name=kind)] for kind in kinds}
    pipeline = ledger_pipeline(
        Source(),
        fetch_ledger=PassThrough(),
        pool=None,  # type: ignore[arg-type]  # a drawing asks no node
        collectors=collectors,
    )
    return _svg(pictures.pipeline_graph(pipeline, narrow=narrow))


def _sample() -> bytes:
    """The picture of the first example."""
    import matplotlib as mpl

    mpl.use("svg")
    from ekspiper.xrpl import Explorer, pictures

    with Explorer("sample", cache=False, progress=False).sync as xrpl:
        return _svg(pictures.transactions_over_time(xrpl.transactions("-120:")))


def _svg(axes: Any) -> bytes:
    buffer = io.BytesIO()
    options = {"bbox_inches": "tight", "pad_inches": 0.05, "metadata": {"Date": None}}
    axes.figure.savefig(buffer, format="svg", **options)
    return buffer.getvalue()
