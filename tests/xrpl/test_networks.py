from __future__ import annotations

import pytest

from ekspiper.xrpl.client import BadNodeUrl
from ekspiper.xrpl.networks import NETWORKS, UnknownNetwork, find_network


def test_named_networks() -> None:
    assert list(NETWORKS) == ["sample", "mainnet", "testnet", "devnet"]
    assert find_network("mainnet").network_id == 0
    assert find_network("testnet").network_id == 1
    assert find_network("sample").urls == ()


def test_urls() -> None:
    network = find_network("ws://127.0.0.1:6006, wss://u:hidden@node ,ws://127.0.0.1:6006")
    assert network.name == "custom"
    assert network.urls == ("ws://127.0.0.1:6006", "wss://u:hidden@node")
    assert "hidden" not in str(network)


def test_unknown_name_lists_the_known_ones_nearest_first() -> None:
    with pytest.raises(UnknownNetwork, match="'mianet'; known: mainnet, "):
        find_network("mianet")


def test_url_that_is_none() -> None:
    with pytest.raises(BadNodeUrl, match="looks like wss://"):
        find_network("http://127.0.0.1:5005")
