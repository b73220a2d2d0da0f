"""The newest signing key of each validator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .errors import KeyConflict
from .keys import key_text
from .manifest import Manifest

__all__ = ["KeyBook"]


class KeyBook:
    """Knows with which key each of some validators signs today.

    It keeps one manifest for each of `masters` and ignores those of others, so its size is bounded
    whatever nodes send.

    Args:
        masters: the master keys of the validators.
        manifests: what is known of them already.
    """

    def __init__(self, masters: Iterable[bytes], manifests: Iterable[Manifest] = ()) -> None:
        self._manifests: dict[bytes, Manifest | None] = dict.fromkeys(masters)
        # Until a manifest is known, a validator may sign with its master key itself.
        self._owners: dict[bytes, bytes] = {master: master for master in self._manifests}
        for manifest in manifests:
            self.add(manifest)

    def __contains__(self, master: bytes) -> bool:
        return master in self._manifests

    def __len__(self) -> int:
        return len(self._manifests)

    def masters(self) -> tuple[bytes, ...]:
        """The validators."""
        return tuple(self._manifests)

    def add(self, manifest: Manifest) -> bool:
        """Take a manifest; whether it was news.

        Raises:
            KeyConflict: its signing key is that of another validator.
        """
        master = manifest.master
        if master not in self._manifests:
            return False
        held = self._manifests[master]
        if held is not None and manifest.sequence <= held.sequence:
            return False
        signing_key = manifest.signing_key
        if signing_key is not None:
            owner = self._owners.get(signing_key, master)
            # Otherwise one validator could count for two: with its own key, and with that of
            # another.
            if owner != master or signing_key in self._manifests:
                raise KeyConflict(
                    f"the manifest of {key_text(master)} names the key {key_text(signing_key)}, "
                    f"which belongs to {key_text(owner)}"
                )
        # The keys of a past manifest never count again, not even for old ledgers.
        self._owners = {key: owner for key, owner in self._owners.items() if owner != master}
        if signing_key is not None:
            self._owners[signing_key] = master
        self._manifests[master] = manifest
        return True

    def master_of(self, signing_key: bytes) -> bytes | None:
        """The validator that signs with this key now; None when no validator does."""
        return self._owners.get(signing_key)

    def manifest_of(self, master: bytes) -> Manifest | None:
        """The newest manifest of a validator."""
        return self._manifests.get(master)

    def manifests(self) -> Iterator[Manifest]:
        """The newest manifest of each validator that has one."""
        return (manifest for manifest in self._manifests.values() if manifest is not None)

    def revoked(self, master: bytes) -> bool:
        """Whether a validator has given up its master key."""
        manifest = self._manifests.get(master)
        return manifest is not None and manifest.revoked
