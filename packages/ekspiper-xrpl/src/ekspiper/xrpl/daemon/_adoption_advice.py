"""What an operator can do about a checkpoint that was taken with another configuration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ekspiper.core import CheckpointError, ShapeChanged

__all__ = ["advising_adoption"]


@contextmanager
def advising_adoption(option: str) -> Iterator[None]:
    """Where a run refuses a checkpoint for its shape, name the option that adopts it.

    Args:
        option: the command-line option for the checkpoint's folder.

    Raises:
        CheckpointError: instead of `ShapeChanged`.
    """
    try:
        # Here and not in core: only a command line knows what its option is called.
        yield
    except ShapeChanged as error:
        raise CheckpointError(f"{error.difference}; {_advice(error, option)}") from error


def _advice(error: ShapeChanged, option: str) -> str:
    effects = []
    if error.added:
        effects.append("what is new begins at its position and gets nothing older")
    if error.removed:
        effects.append("what it knows of those that are gone is dropped")
    return (
        "start once with `ekspiper daemon --adopt-checkpoint` to resume from it: "
        f"{'; '.join(effects)}; or give the configuration that it was taken with, or another "
        f"folder with {option} DIR"
    )
