"""Pictures: one call, the axes back, and on them what the table says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

matplotlib = pytest.importorskip("matplotlib")
pytest.importorskip("pandas")

from ekspiper.core import ConfigError, Flow, PassThrough, Pipeline, Queue, Step  # noqa: E402  # after the skip
from ekspiper.core.testing import RecordingCollector as Recording  # noqa: E402
from ekspiper.xrpl import Explorer, pictures  # noqa: E402

PAIR = "XRP/USD.rKdJKAea6uPxxZBL28kPiLMVQ8hdGpA6Ua"


@pytest.fixture(autouse=True)
def no_window() -> Iterator[None]:
    from matplotlib import pyplot

    matplotlib.use("Agg")
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A few tables of the sample."""
    with Explorer(cache=tmp_path_factory.mktemp("cache"), progress=False).sync as xrpl:
        return {
            "transactions": xrpl.transactions("421:540"),
            "trades": xrpl.trades("421:540", pair=PAIR),
            "book": xrpl.book(*PAIR.split("/")),
            "none": xrpl.transactions(473),
        }


def saved(axes: Any, tmp_path: Path) -> int:
    """Bytes of the picture, which must not be blank."""
    path = tmp_path / "picture.png"
    axes.figure.savefig(path)
    pixels = matplotlib.image.imread(path)
    assert pixels.std() > 0.02
    return path.stat().st_size


def test_transactions_over_time(seen: dict[str, Any], tmp_path: Path) -> None:
    axes = pictures.transactions_over_time(seen["transactions"], every=10, top=3)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]

    assert labels == ["others", "Batch", "OfferCreate", "Payment"]
    assert axes.get_ylabel() == "transactions in 10 s"
    assert saved(axes, tmp_path)


def test_fee_distribution(seen: dict[str, Any], tmp_path: Path) -> None:
    axes = pictures.fee_distribution(seen["transactions"])

    paid = seen["transactions"]["Fee_drops"] > 0
    assert sum(bar.get_height() for bar in axes.patches) == paid.sum()
    assert "median 300 drops" in [text.get_text() for text in axes.texts]
    assert saved(axes, tmp_path)


def test_book_depth(seen: dict[str, Any], tmp_path: Path) -> None:
    book = seen["book"]
    axes = pictures.book_depth(book, within=None)
    bids, asks = axes.lines[:2]

    assert max(bids.get_ydata()) == pytest.approx(book.bids["amount"].sum())
    assert min(asks.get_xdata()) == book.best_ask
    assert saved(axes, tmp_path)


def test_price(seen: dict[str, Any], tmp_path: Path) -> None:
    trades = seen["trades"]
    axes = pictures.price(trades)

    assert sum(len(dots.get_offsets()) for dots in axes.collections) == len(trades)
    average = axes.lines[0].get_ydata()
    assert trades["price"].min() <= min(average) <= max(average) <= trades["price"].max()
    assert saved(axes, tmp_path)


def test_a_pipeline_as_a_graph(tmp_path: Path) -> None:
    queue, kept = Queue("between"), Recording()
    pipeline = Pipeline(
        Flow(
            "first", source=[1], steps=(Step(PassThrough(), name="to text", collectors=(queue,)),)
        ),
        Flow("second", source=queue, steps=(Step(PassThrough(), name="back", collectors=(kept,)),)),
    )
    axes = pictures.pipeline_graph(pipeline)
    words = {text.get_text(): text.get_position()[0] for text in axes.texts}

    chain = ["to text", "between", "back", "RecordingCollector"]
    assert [words[each] for each in chain] == sorted(words[each] for each in chain)
    assert {"first", "second"} <= set(words)
    assert saved(axes, tmp_path)
    assert pictures.pipeline_graph(pipeline.flows[1])


def test_axes_that_are_given_are_drawn_on(seen: dict[str, Any]) -> None:
    from matplotlib import pyplot

    _, given = pyplot.subplots()
    assert pictures.fee_distribution(seen["transactions"], ax=given) is given
    assert len(pyplot.get_fignums()) == 1


def test_what_cannot_be_drawn_says_what_to_give(seen: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="no column 'side': give one made by trades"):
        pictures.price(seen["transactions"])
    with pytest.raises(ConfigError, match="is empty, so there is nothing to draw"):
        pictures.transactions_over_time(seen["none"])
    with pytest.raises(ConfigError, match="not an order book: give one made by book"):
        pictures.book_depth(seen["transactions"])
    with pytest.raises(ConfigError, match="neither a pipeline nor a flow"):
        pictures.pipeline_graph("words")  # type: ignore[arg-type]


def luminance(colour: Any) -> float:
    """Of a colour on a screen, from 0 to 1."""
    parts = [
        each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in colour
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: Any, other: Any) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["over_time", "fees", "depth", "price"])
def test_a_picture_is_read_on_white_and_on_black(seen: dict[str, Any], name: str) -> None:
    axes = {
        "over_time": lambda: pictures.transactions_over_time(seen["transactions"]),
        "fees": lambda: pictures.fee_distribution(seen["transactions"]),
        "depth": lambda: pictures.book_depth(seen["book"]),
        "price": lambda: pictures.price(seen["trades"]),
    }[name]()
    to_rgb = matplotlib.colors.to_rgb
    assert axes.figure.get_facecolor()[3] == axes.get_facecolor()[3] == 0
    texts = [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
    texts += [*axes.get_xticklabels(), *axes.get_yticklabels()]
    if axes.get_legend() is not None:
        texts += axes.get_legend().get_texts()
    for text in texts:
        for page in ("#ffffff", "#1e2129"):
            assert contrast(to_rgb(text.get_color()), to_rgb(page)) > 3.5, text


def test_jupyter_puts_no_box_behind_a_picture(seen: dict[str, Any]) -> None:
    inline = pytest.importorskip("matplotlib_inline.backend_inline")
    figure = pictures.fee_distribution(seen["transactions"]).figure
    figure.canvas.draw()
    assert inline._fetch_figure_metadata(figure) is None


def test_axes_that_were_given_keep_their_colours(seen: dict[str, Any]) -> None:
    from matplotlib import pyplot

    figure, given = pyplot.subplots()
    before = given.xaxis.label.get_color(), figure.get_facecolor()
    pictures.price(seen["trades"], ax=given)
    assert (given.xaxis.label.get_color(), figure.get_facecolor()) == before


def test_a_narrow_graph_has_one_box_a_line(tmp_path: Path) -> None:
    queue = Queue("between")
    pipeline = Pipeline(
        Flow("first", source=[1], steps=(Step(PassThrough(), collectors=(queue,)),)),
        Flow("second", source=queue, steps=(Step(PassThrough(), collectors=(Recording(),)),)),
    )
    axes = pictures.pipeline_graph(pipeline, narrow=True)
    heights = [patch.get_y() for patch in axes.patches]
    assert len(heights) == len(set(heights)) == 5
    assert sorted(heights, reverse=True) == heights
    assert saved(axes, tmp_path)
