"""What an operator can do about a checkpoint that was taken with another configuration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ekspiper.core import CheckpointError, ShapeChanged

__all__ = ["advising_adoption"]


@contextmanager
def advising_adoption() -> Iterator[None]:
    """Name the option that adopts a checkpoint where a run refuses it for its shape.

    Raises:
        CheckpointError: in the place of `ShapeChanged`.
    """
    try:
        yield
    except ShapeChanged as error:
        raise CheckpointError(f"{error.difference}; {_advice(error)}") from error


def _advice(error: ShapeChanged) -> str:
    effects = []
    if error.added:
        effects.append("what is new begins where it stands, and gets nothing of before")
    if error.removed:
        effects.append("what it knows of those that are gone is dropped")
    return (
        "start once with `ekspiper daemon --adopt-checkpoint` to go on from it: "
        f"{'; '.join(effects)}; or choose another folder with --out DIR"
    )
