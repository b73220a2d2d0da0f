"""All workers together ask a node for no more than one pool would."""

from __future__ import annotations

from ekspiper.xrpl.cluster import FairShare, fair_share


def test_pools_that_share_a_public_server_ask_for_no_more_than_one() -> None:
    share = fair_share(["wss://s1.ripple.com", "ws://10.0.0.5:6006"], 20)
    assert share == FairShare(pools=4, window=1, rate=2.5)
    assert fair_share(["ws://10.0.0.5:6006"], 20) == FairShare(pools=20, window=6, rate=None)
    assert fair_share([], 3, window=10, rate=9.0) == FairShare(pools=3, window=3, rate=3.0)
