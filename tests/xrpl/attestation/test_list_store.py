"""Who is trusted, and which of their lists counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl.attestation import ListStore, clock_of, fetch_document, ledger_time
from ekspiper.xrpl.open_network import OpenNetwork
from ekspiper.xrpl.trust import encode_base64, key_text
from ekspiper.xrpl.trust.manifest import REVOKED
from ekspiper.xrpl.trustees import Publisher, Trustees, known_publishers, read_trustees

from ..trust.small_network import NOW, SmallNetwork, key, manifest_bytes

RIPPLE = "ED2677ABFFD1B33AC6FBC3062B71F1E8397C1505E1C42C64D11AD1B28FF73F4734"


class Site:
    """Serves one document, or fails."""

    def __init__(self, document: dict[str, Any] | None) -> None:
        self.document = document

    async def __call__(self, location: str) -> bytes:
        if self.document is None:
            raise OSError("connection refused")
        return json.dumps(self.document).encode()


def store(
    network: SmallNetwork, site: Site, cache: Path | None = None, now: int = NOW
) -> ListStore:
    trustees = Trustees((Publisher(network.publisher.public, "https://vl.example"),))
    return ListStore(trustees, cache=cache, fetch=site, clock=lambda: now)


class TestTrustees:
    def test_a_key_and_its_list(self) -> None:
        (publisher,) = read_trustees([f"{RIPPLE}=https://vl.ripple.com"]).publishers
        assert (publisher.key.hex().upper(), publisher.location) == (
            RIPPLE,
            "https://vl.ripple.com",
        )
        text = key_text(publisher.key)
        assert read_trustees([f"{text}=vl.json"]).publishers[0].key == publisher.key
        assert read_trustees([RIPPLE]).publishers[0].location == ""

    def test_a_file_with_keys(self, tmp_path: Path, network: SmallNetwork) -> None:
        path = tmp_path / "validators.txt"
        keys = [each.master.public for each in network.validators]
        path.write_text(
            "# ours\n[validators]\n" + "\n".join(f"  {key_text(each)}  # us" for each in keys)
        )
        assert read_trustees([str(path)]).validators == tuple(keys)

    @pytest.mark.parametrize("text", ["abc", "abc=vl.json", f"{RIPPLE}=", "no-such-file.txt"])
    def test_what_names_nobody(self, text: str) -> None:
        with pytest.raises(ConfigError, match="--trust"):
            read_trustees([text])

    @pytest.mark.parametrize("content", ["", "# nobody\n", "nonsense\n", f"{RIPPLE}\n{RIPPLE}\n"])
    def test_a_file_that_names_nobody(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "validators.txt"
        path.write_text(content)
        with pytest.raises(ConfigError, match=r"validators\.txt"):
            read_trustees([str(path)])

    @pytest.mark.parametrize("network_id", [0, 1, 2])
    def test_networks_with_a_name_have_publishers(self, network_id: int) -> None:
        trustees = known_publishers(network_id)
        assert trustees
        assert all(each.location.startswith("https://") for each in trustees.publishers)
        assert set(trustees.keys().values()) == {network_id}

    def test_other_networks_have_none(self) -> None:
        assert not known_publishers(1021)
        assert not known_publishers(None)
        assert str(known_publishers(None)) == "nobody"


class TestListStore:
    async def test_a_list_is_fetched(self, network: SmallNetwork) -> None:
        lists = store(network, Site(network.document()))
        assert await lists.refresh()
        assert [str(each) for each in lists.current()] == [str(network.list())]
        assert "5 validators, until 2026-" in lists.describe()

    async def test_an_older_list_never_replaces_a_newer_one(self, network: SmallNetwork) -> None:
        site = Site(network.document(sequence=2))
        lists = store(network, site)
        await lists.refresh()
        site.document = network.document(sequence=1)
        assert await lists.refresh(), "the newer one still holds"
        assert [each.sequence for each in lists.current()] == [2]
        assert "is older than list 2" in lists.problems[network.publisher.public]

    async def test_nor_after_a_restart(self, network: SmallNetwork, tmp_path: Path) -> None:
        await store(network, Site(network.document(sequence=2)), tmp_path).refresh()
        again = store(network, Site(network.document(sequence=1)), tmp_path)
        again.load()
        await again.refresh()
        assert [each.sequence for each in again.current()] == [2]

    async def test_the_cached_list_holds_while_its_site_is_away(
        self, network: SmallNetwork, tmp_path: Path
    ) -> None:
        await store(network, Site(network.document()), tmp_path).refresh()
        again = store(network, Site(None), tmp_path)
        again.load()
        assert await again.refresh()

    async def test_a_cached_list_that_was_changed_is_ignored(
        self, network: SmallNetwork, tmp_path: Path
    ) -> None:
        await store(network, Site(network.document()), tmp_path).refresh()
        path = tmp_path / f"{network.publisher.public.hex().upper()}.json"
        document = json.loads(path.read_text())
        document["signature"] = "00" * 70
        path.write_text(json.dumps(document))
        again = store(network, Site(None), tmp_path)
        again.load()
        assert not await again.refresh()

    async def test_an_expired_list_does_not_hold(self, network: SmallNetwork) -> None:
        lists = store(network, Site(network.document(expiration=NOW)))
        assert not await lists.refresh()
        assert "expired on" in lists.why_none()
        assert "--trust KEY=FILE" in lists.why_none()

    async def test_the_list_of_another_publisher_is_refused(self, network: SmallNetwork) -> None:
        other = network.document(publisher=key("another", ed25519=True))
        lists = store(network, Site(other))
        assert not await lists.refresh()
        assert "not trusted" in lists.why_none()

    async def test_an_announced_list_holds_from_its_day_on(self, network: SmallNetwork) -> None:
        now = network.document(sequence=1, effective=NOW - 10, expiration=NOW + 100, version=2)
        then = network.document(sequence=2, effective=NOW + 50, version=2)
        now["blobs_v2"] += then["blobs_v2"]
        for at, sequence in ((NOW, 1), (NOW + 60, 2), (NOW + 100, 2)):
            lists = store(network, Site(now), now=at)
            assert await lists.refresh()
            assert [each.sequence for each in lists.current()] == [sequence]

    async def test_an_announced_list_does_not_end_the_one_that_holds(
        self, network: SmallNetwork
    ) -> None:
        site = Site(network.document(sequence=1, effective=NOW - 10, version=2))
        lists = store(network, site)
        await lists.refresh()
        site.document = network.document(sequence=2, effective=NOW + 50, version=2)
        assert await lists.refresh()
        assert [each.sequence for each in lists.current()] == [1]
        site.document = network.document(sequence=1, effective=NOW - 10, version=2)
        await lists.refresh()
        assert "is older than list 2" in lists.problems[network.publisher.public]

    async def test_a_publisher_who_has_revoked_its_key_is_given_up(
        self, network: SmallNetwork, tmp_path: Path
    ) -> None:
        site = Site(network.document())
        lists = store(network, site, tmp_path)
        await lists.refresh()
        revoked = manifest_bytes(network.publisher, None, sequence=REVOKED)
        site.document = {**network.document(), "manifest": encode_base64(revoked)}
        assert not await lists.refresh()
        assert lists.current() == []
        assert "has revoked its key" in lists.why_none()
        again = store(network, Site(None), tmp_path)
        again.load()
        assert again.current() == []

    async def test_a_list_from_a_file(self, network: SmallNetwork, tmp_path: Path) -> None:
        path = tmp_path / "vl.json"
        path.write_text(json.dumps(network.document()))
        trustees = read_trustees([f"{network.publisher.public.hex()}={path}"])
        lists = ListStore(trustees, fetch=fetch_document, clock=lambda: NOW)
        assert await lists.refresh()

    async def test_a_file_that_is_missing(self, network: SmallNetwork, tmp_path: Path) -> None:
        trustees = Trustees((Publisher(network.publisher.public, str(tmp_path / "none.json")),))
        lists = ListStore(trustees, clock=lambda: NOW)
        assert not await lists.refresh()
        assert "No such file" in lists.why_none()


def test_the_sample_is_judged_by_its_own_time() -> None:
    """Its list expires on 2027-12-31, and people who try the sample later must not notice."""
    pool: Any = None
    sample = OpenNetwork("sample", pool, validator_list="http://127.0.0.1/vl")
    assert clock_of(sample)() < 883_571_219
    assert clock_of(OpenNetwork("mainnet", pool)) is ledger_time
