"""What goes wrong in a run: every kind of fault, on every node, at random."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ekspiper.xrpl.replay import KINDS

__all__ = ["OUTAGE", "plans"]

# Kind, about how often in a run over all nodes, how much (seconds or bytes). A target may be struck
# again and again: nothing here ends because a fault has had its turn.
_IN_A_RUN = (
    ("disconnect", 8, ""),
    ("hang", 3, ""),
    ("noAnswer", 4, ""),
    ("slow", 6, "=0.7"),
    ("garbage", 5, ""),
    ("hugeFrame", 2, ""),
    ("slowDown", 6, "=0.3"),
    ("tooBusy", 3, "=0.3"),
    ("loadWarning", 6, ""),
    ("close1008", 5, ""),
    ("down", 1, "=1.5"),
    ("unvalidated", 5, ""),
    ("otherLedger", 3, ""),
    ("lgrNotFound", 8, ""),
    ("truncated", 3, ""),
    ("forgedTransaction", 3, ""),
    ("forgedMeta", 3, ""),
    ("forgedHeader", 3, ""),
    ("wrongParent", 3, ""),
    ("silent", 3, ""),
    ("skipped", 10, ""),
    ("duplicate", 10, ""),
    ("outOfOrder", 10, ""),
)
_MISSING = 12

OUTAGE = 65.0
"""Seconds for which each node is down, where a run has that: a minute for all at once."""


def plans(
    indexes: Sequence[int],
    *,
    requests: int,
    seed: int,
    nodes: int = 3,
    often: float = 1.0,
    outage: bool = False,
) -> list[str]:
    """The fault plan of each node, as text.

    Args:
        indexes: the ledgers of the recording.
        requests: how many a run without faults sends.
        often: how much likelier than usual every fault is.
        outage: whether all nodes go down early on. As soon as the first one is down, the others
            get its requests, and go down within seconds as well.
    """
    chance = random.Random(seed)
    # What one node lacks, the others have.
    lacking = chance.sample(range(0, len(indexes) - _MISSING, _MISSING), nodes)
    occasions = {"answer": requests, "ledger": len(indexes), "stream": nodes * len(indexes)}
    likely = ",".join(
        f"{kind}:{often * times / occasions[KINDS[kind].occasion]:.5f}*0{amount}"
        for kind, times, amount in _IN_A_RUN
    )
    return [
        ",".join(
            (
                *([f"down@#{len(indexes) // 6}={OUTAGE}"] if outage else ()),
                likely,
                "markerExpired:0.3*2",
                f"missing@{indexes[gap]}-{indexes[gap + _MISSING - 1]}",
                f"seed={seed * nodes + number}",
            )
        )
        for number, gap in enumerate(lacking)
    ]
