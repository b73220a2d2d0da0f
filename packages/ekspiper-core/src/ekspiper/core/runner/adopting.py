"""Takes over the checkpoint of a run when the pipeline has changed since."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ..adoption import Adoption
from ..checkpoint import Checkpoint, Progress

__all__ = ["adopted"]

log = logging.getLogger("ekspiper")


async def adopted(
    checkpoint: Checkpoint, old: Progress, shape: tuple[str, ...], sources: Mapping[str, str]
) -> Progress:
    """The progress to go on with, after a copy of the old one was made and all of it was said.

    What is stored stays as it is: the next `save` replaces it, whole.

    Args:
        sources: the identity of each source, by the flow that reads it.

    Raises:
        CheckpointError: it was taken from another source, or by a pipeline without a common flow.
    """
    adoption = Adoption.of(old, shape, tuple(sources))
    adoption.new.refuse_other_source(sources, str(checkpoint))
    if not adoption.added and not adoption.removed:
        log.warning("%s is of this pipeline already: there is nothing to adopt", checkpoint)
        return old
    backup = await checkpoint.back_up()
    log.warning("adopting %s; the old one is kept as %s", checkpoint, backup)
    for line in adoption.lines():
        log.warning("adopted: %s", line)
    return adoption.new
