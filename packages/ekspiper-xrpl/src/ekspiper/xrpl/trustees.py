"""Whose signatures count, as options say: publishers of lists, validators, and ledgers that are anchors.

What judges signatures is loaded when somebody names a key: a network without publishers needs none of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ekspiper.core import ConfigError

from .open_network import OpenNetwork

__all__ = [
    "SAMPLE_NETWORK_ID",
    "Publisher",
    "TrustChoice",
    "Trustees",
    "all_known_publishers",
    "known_publishers",
    "offline_trustees",
    "read_anchor",
    "read_trust",
    "read_trustees",
    "sample_publishers",
    "trustees_of",
]

_LONGEST_FILE = 1_000_000


@dataclass(frozen=True, slots=True)
class Publisher:
    """Somebody who publishes a list of validators.

    Attributes:
        key: their master key, 33 bytes.
        location: where the list is: a URL, or the path of a file; empty where only the key is
            needed.
    """

    key: bytes
    location: str = ""

    def __str__(self) -> str:
        where = f" at {self.location}" if self.location else ""
        return f"{self.key.hex().upper()}{where}"


@dataclass(frozen=True, slots=True)
class Trustees:
    """Those who are trusted. Each publisher is trusted alone: a quorum of one list suffices.

    Attributes:
        publishers: whose lists count.
        validators: master keys of validators that are trusted without a list.
    """

    publishers: tuple[Publisher, ...] = ()
    validators: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.publishers or self.validators)

    def __str__(self) -> str:
        parts = [f"the publisher {publisher}" for publisher in self.publishers]
        if self.validators:
            parts.append(f"{len(self.validators)} validators that you named")
        return ", ".join(parts) or "nobody"

    def keys(self) -> Mapping[bytes, int | None]:
        """All keys, each with the id of its network where that is known."""
        known = {
            publisher.key: network_id
            for network_id, publishers in _PUBLISHERS.items()
            for publisher in publishers
        }
        known[_SAMPLE.key] = SAMPLE_NETWORK_ID
        given = (*(publisher.key for publisher in self.publishers), *self.validators)
        return {key: known.get(key) for key in given}


def _publisher(key: str, location: str) -> Publisher:
    return Publisher(bytes.fromhex(key), location)


_PUBLISHERS: dict[int, tuple[Publisher, ...]] = {
    # Mainnet: what rippled's own cfg/validators-example.txt trusts.
    0: (
        _publisher(
            "ED2677ABFFD1B33AC6FBC3062B71F1E8397C1505E1C42C64D11AD1B28FF73F4734",
            "https://vl.ripple.com",
        ),
        _publisher(
            "ED42AEC58B701EEBB77356FFFEC26F83C1F0407263530F068C7C73D392C7E06FD1",
            "https://unl.xrplf.org",
        ),
    ),
    # Testnet: the same file, and https://xrpl.org/docs/infrastructure/configuration.
    1: (
        _publisher(
            "ED264807102805220DA0F312E71FC2C69E1552C9C5790F6C25E3729DEB573D5860",
            "https://vl.altnet.rippletest.net",
        ),
    ),
    # Devnet: its key changed when the network was reset, as the announcement of that reset says.
    2: (
        _publisher(
            "EDBB54B0D9AEE071BB37784AF5A9E7CC49AC7A0EFCE868C54532BCB966B9CFC13B",
            "https://vl.devnet.rippletest.net",
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class TrustChoice:
    """What a user says about trust.

    Attributes:
        mode: `signed`: nothing is recorded without signatures; `hashed`: only hashes are checked;
            None: signed where the publishers of the network are known.
        trustees: who is trusted instead of the network's publishers.
    """

    mode: str | None = None
    trustees: Trustees = Trustees()

    def of_network(self, network_id: int | None) -> Trustees:
        """Whose signatures count on a network; nobody where only hashes are checked.

        Args:
            network_id: as the network's name or its nodes say; None where they do not.

        Raises:
            ConfigError: signatures are wanted, and nobody is trusted.
        """
        if self.mode == "hashed":
            return Trustees()
        trustees = self.trustees or known_publishers(network_id)
        if not trustees and self.mode == "signed":
            which = "this network" if network_id is None else f"network {network_id}"
            raise ConfigError(
                f"no publisher of validator lists is known for {which}: name one with "
                "--trust KEY=LIST, where KEY is its master key and LIST a URL or a file"
            )
        return trustees


def read_trust(texts: Iterable[str]) -> TrustChoice:
    """What options say: `signed`, `hashed`, or those who are trusted, see `read_trustees`.

    Raises:
        ConfigError: a text is something else, or they contradict one another.
    """
    given = list(texts)
    modes = {text for text in given if text in ("signed", "hashed")}
    trustees = read_trustees(text for text in given if text not in modes)
    if len(modes) > 1 or ("hashed" in modes and trustees):
        raise ConfigError("--trust hashed means that nobody is trusted: give it alone")
    mode = next(iter(modes), "signed" if trustees else None)
    return TrustChoice(mode, trustees)


SAMPLE_NETWORK_ID = 1021
"""The private network from which the sample network was recorded."""

_SAMPLE = _publisher("ED2C9E9E806525E77E6EC08FD24ECDEBC4F1D2D14D374CC576EFCE9F217E8225EC", "")


def sample_publishers(location: str) -> Trustees:
    """The publisher of the sample network.

    Args:
        location: of its list, which is part of the recording.
    """
    return Trustees((Publisher(_SAMPLE.key, location),))


def known_publishers(network_id: int | None) -> Trustees:
    """The publishers of a network; nobody where none is known."""
    return Trustees(_PUBLISHERS.get(-1 if network_id is None else network_id, ()))


def all_known_publishers() -> Trustees:
    """The publishers of every network that has a name."""
    known = (each for publishers in _PUBLISHERS.values() for each in publishers)
    return Trustees((*known, _SAMPLE))


def offline_trustees(texts: Iterable[str]) -> Trustees:
    """Those by whom files are judged: the ones that are named, or every publisher that is known.

    No list is needed, as files have the lists of their time in them.
    """
    given = read_trustees(texts)
    return given or all_known_publishers()


def trustees_of(choice: TrustChoice, network: OpenNetwork) -> Trustees:
    """Whose signatures count on a network that is open; nobody where only hashes are checked.

    Raises:
        ConfigError: signatures are wanted, and nobody is trusted.
    """
    if network.validator_list and choice.mode != "hashed" and not choice.trustees:
        return sample_publishers(network.validator_list)
    return choice.of_network(network.network_id)


def read_trustees(texts: Iterable[str]) -> Trustees:
    """Those that options name: `KEY=LIST`, `KEY`, or the path of a file with keys.

    A key is in hex or base58. LIST is a URL, or the path of a file. A file with keys names the
    master keys of validators, one a line; lines that begin with # or [ are ignored.

    Raises:
        ConfigError: a text is something else, or the file cannot be read.
    """
    given = list(texts)
    if not given:
        return Trustees()
    from ekspiper.xrpl.trust import TrustError, read_key

    publishers: list[Publisher] = []
    validators: list[bytes] = []
    for text in given:
        key, equals, location = text.partition("=")
        try:
            parsed = read_key(key.strip())
        except TrustError as error:
            if equals or not Path(text).is_file():
                raise ConfigError(
                    f"--trust {text}: {error}; give KEY=LIST, where KEY is a publisher's master "
                    "key and LIST a URL or a file, or the path of a file with validators' keys"
                ) from None
            validators += _read_file(Path(text))
        else:
            if equals and not location:
                raise ConfigError(f"--trust {text}: the list is missing after =")
            publishers.append(Publisher(parsed, location.strip()))
    return Trustees(tuple(dict.fromkeys(publishers)), tuple(dict.fromkeys(validators)))


def _read_file(path: Path) -> list[bytes]:
    from ekspiper.xrpl.trust import TrustError, key_text, read_key

    try:
        if path.stat().st_size > _LONGEST_FILE:
            raise ConfigError(f"--trust {path}: the file is too large to be a list of keys")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--trust {path}: {error}") from None
    keys: list[bytes] = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text or text.startswith("["):
            continue
        try:
            keys.append(read_key(text))
        except TrustError as error:
            raise ConfigError(f"--trust {path}, line {number}: {error}") from None
    if not keys:
        raise ConfigError(f"--trust {path}: the file names no validator")
    doubled = [key_text(key) for key in dict.fromkeys(keys) if keys.count(key) > 1]
    if doubled:
        raise ConfigError(f"--trust {path}: {doubled[0]} is there twice")
    return keys


def read_anchor(text: str) -> tuple[int, bytes]:
    """The ledger that an option `INDEX:HASH` gives.

    Raises:
        ConfigError: it is something else.
    """
    match = re.fullmatch(r"(\d{1,10}):([0-9A-Fa-f]{64})", text)
    if match is None:
        raise ConfigError(f"--anchor takes INDEX:HASH, such as 103062326:CC0A...3630, not {text!r}")
    return int(match[1]), bytes.fromhex(match[2])
