"""The networks that have a name, and how a network is given."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from ekspiper.core import ConfigError
from ekspiper.xrpl.client import check_url, redact

__all__ = ["CUSTOM", "NETWORKS", "Network", "UnknownNetwork", "find_network", "name_of_network"]


CUSTOM = "custom"
"""The name of a network of which only nodes are known."""


class UnknownNetwork(ConfigError):
    """No network of that name, and no URL either."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network to read.

    Attributes:
        name: `sample`, `mainnet`, `testnet`, `devnet`, or `custom` for nodes given by URL.
        urls: its nodes; empty for `sample`, whose node is started in the process.
        network_id: what its nodes must say they belong to; None: whatever the first says.
        public: public servers, not for heavy or business use.
    """

    name: str
    urls: tuple[str, ...]
    network_id: int | None = None
    public: bool = False

    def __str__(self) -> str:
        shown = ", ".join(redact(url) for url in self.urls)
        return f"{self.name} ({shown})" if shown else self.name


# https://xrpl.org/docs/tutorials/public-servers
NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        # Served inside the process, so it has no URL.
        Network("sample", ()),
        Network(
            "mainnet",
            ("wss://s2.ripple.com", "wss://s1.ripple.com", "wss://xrplcluster.com"),
            network_id=0,
            public=True,
        ),
        Network("testnet", ("wss://s.altnet.rippletest.net:51233",), network_id=1, public=True),
        Network("devnet", ("wss://s.devnet.rippletest.net:51233",), network_id=2, public=True),
    )
}
"""The networks that have a name."""


def name_of_network(network_id: int) -> str | None:
    """The name of the network with this id; None where it has no name."""
    for network in NETWORKS.values():
        if network.network_id == network_id:
            return network.name
    return None


def find_network(text: str) -> Network:
    """The network of that name, or one made of comma-separated `ws://` and `wss://` URLs.

    Raises:
        UnknownNetwork: no such name; lists the known ones, nearest first; or nothing is named.
        BadNodeUrl: among URLs, something else.
    """
    if text in NETWORKS:
        return NETWORKS[text]
    if "://" in text or "," in text:
        listed = [part.strip() for part in text.split(",") if part.strip()]
        if not listed:
            raise UnknownNetwork(f"{text!r} names no network and no node")
        return Network(CUSTOM, tuple(dict.fromkeys(check_url(url) for url in listed)))
    # All of them, the likeliest first: there are only four.
    nearest = difflib.get_close_matches(text.lower(), NETWORKS, n=len(NETWORKS), cutoff=0.0)
    raise UnknownNetwork(
        f"no network is called {text!r}; known: {', '.join(nearest)}, "
        "or URLs such as ws://127.0.0.1:6006"
    )
