"""Counts what validators say, once for each list that holds. Knows no nodes."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from ekspiper.xrpl.trust import (
    Counted,
    Malformed,
    Manifest,
    TrustError,
    Validation,
    ValidationTally,
    ValidatorSet,
    Verdict,
    key_text,
    read_key,
)

from .proven_chain import ProvenHash

__all__ = ["Tallies"]

log = logging.getLogger("ekspiper.xrpl.attestation")

_SEEN = 16_384  # validations that are told apart: 35 validators, two minutes, several nodes
# Ledgers whose first validation is remembered: a quorum comes within seconds of it, or never.
_FIRST_VOTES = 512


class Tallies:
    """One tally for each list, all fed with the same messages.

    Args:
        counts: validations by what became of them.
        signed: called with each ledger that has a quorum.
        unknown: called with a key whose manifest is missing and would help.
    """

    def __init__(
        self,
        counts: Counter[str],
        *,
        signed: Callable[[Verdict], None],
        unknown: Callable[[str], None],
    ) -> None:
        self.by_list: dict[bytes, ValidationTally] = {}
        self._counts = counts
        self._signed = signed
        self._unknown = unknown
        self._manifests: dict[bytes, Manifest] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._first_votes: OrderedDict[int, float] = OrderedDict()

    def values(self) -> Iterable[ValidationTally]:
        """All tallies."""
        return self.by_list.values()

    def take(self, message: dict[str, Any]) -> None:
        """Count a message of the streams; what cannot be read is counted as malformed."""
        kind = message.get("type")
        try:
            if kind == "validationReceived":
                self._take_validation(message)
            elif kind == "manifestReceived":
                self.take_manifest(Manifest.from_bytes(_hex(message.get("manifest"))))
        except TrustError as error:
            self._counts["malformed"] += 1
            log.debug("a message of the stream %s is ignored: %s", kind, error)

    def _take_validation(self, message: dict[str, Any]) -> None:
        data = message.get("data")
        if data is None:
            self._counts["without data"] += 1
            return
        if isinstance(data, str):
            if data in self._seen:  # another node gave it already
                return
            _remember(self._seen, data, None, _SEEN)
        validation = Validation.from_hex(data)
        outcome = "not trusted"
        for tally in self.by_list.values():
            counted = tally.add(validation)
            if counted.master is not None:
                outcome = self._note(counted)
        self._counts[outcome] += 1
        if outcome == "counted" and validation.ledger_index not in self._first_votes:
            _remember(self._first_votes, validation.ledger_index, _now(), _FIRST_VOTES)
        elif outcome == "not trusted":
            self._ask_for_manifest(validation, message.get("master_key"))

    def _note(self, counted: Counted) -> str:
        if counted.verdict is not None:
            self._signed(counted.verdict)
        return counted.reason or "counted"

    def take_manifest(self, manifest: Manifest) -> None:
        """Take the key that a trusted validator signs with now, and count what it signed before."""
        for tally in self.by_list.values():
            if manifest.master not in tally.validators.keys:
                continue
            known = tally.validators.keys.manifest_of(manifest.master)
            for counted in tally.add_manifest(manifest):
                self._counts[self._note(counted)] += 1
            # Kept beside the tallies: a new list makes a new tally, which must know the keys of
            # today.
            held = self._manifests.get(manifest.master)
            if held is None or held.sequence < manifest.sequence:
                self._manifests[manifest.master] = manifest
                if known is not None and known.sequence < manifest.sequence:
                    what = "has revoked its key" if manifest.revoked else "signs with a new key"
                    log.info("the validator %s %s", _called(manifest), what)

    def _ask_for_manifest(self, validation: Validation, claimed: Any) -> None:
        """Ask for the manifest behind a key that is not known, where it may be a trusted one's."""
        if not isinstance(claimed, str):
            self._unknown(key_text(validation.signing_key))
            return
        # Strangers sign as well, and name themselves: their manifests would change nothing.
        with suppress(TrustError):
            master = read_key(claimed)
            if any(master in tally.validators.keys for tally in self.by_list.values()):
                self._unknown(claimed)

    def count_by(self, sets: Mapping[bytes, ValidatorSet]) -> None:
        """Count by these sets from now on, each under the name of its list.

        A list that replaces another of its name takes over the validations that came before.
        """
        for name in self.by_list.keys() - sets.keys():
            del self.by_list[name]
        for name, validators in sets.items():
            tally = self.by_list.get(name)
            if tally is not None and tally.validators.source == validators.source:
                continue
            for manifest in self._manifests.values():
                with suppress(TrustError):
                    validators.keys.add(manifest)
            log.info("trusting %d validators of %s", len(validators), validators.source)
            if tally is None:
                self.by_list[name] = ValidationTally(validators)
                continue
            for verdict in tally.adopt(validators):
                self._signed(verdict)

    def since_first_vote(self, ledger_index: int) -> float:
        """Seconds since the first validation of a ledger that counted; 0 where none has yet."""
        return _now() - self._first_votes.get(ledger_index, _now())

    def signers(self, proven: ProvenHash) -> frozenset[bytes]:
        """The master keys of those who signed this ledger, as far as was heard."""
        found = {
            tally.validators.keys.master_of(each.signing_key)
            for tally in self.by_list.values()
            for each in tally.validations(proven.ledger_index, proven.ledger_hash)
        }
        return frozenset(master for master in found if master is not None)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _remember(held: OrderedDict[Any, Any], key: Any, value: Any, limit: int) -> None:
    held[key] = value
    if len(held) > limit:
        held.popitem(last=False)


def _hex(text: Any) -> bytes:
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError):
        raise Malformed("a manifest is not in hex") from None


def _called(manifest: Manifest) -> str:
    return manifest.domain or key_text(manifest.master)
