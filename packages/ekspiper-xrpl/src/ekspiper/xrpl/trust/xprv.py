"""XPRV: a signed ledger, headers and pruned trees, in JSON.

A proof is a list of steps. Each must follow from an earlier one: a header from the signed ledger,
from the `parent_hash` of a header or from a skip list; a tree from a header.

Source: https://github.com/sublimator/catalogue-tools, `src/xprv/xls/spec-draft.md`, version 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ekspiper.xrpl.codec import CodecError, Decoder, Encoder, LedgerHeader

from ._json import (
    header_fields,
    hex_bytes,
    json_list,
    json_object,
    members,
    natural,
    read_json,
)
from .errors import Malformed, NotProven
from .keys import check_key
from .manifest import Manifest
from .proof import Proof, ProvenLeaf, Trusted, check_owners, judge_anchor
from .pruned_tree import (
    Leaf,
    Node,
    TreeKind,
    join_transaction,
    read_tree_leaves,
    root_hash,
    split_transaction,
)
from .signed_ledger import SignedLedger
from .skip_list import SkipList
from .validation import Validation
from .validator_list import ValidatorList

__all__ = ["Step", "check_xprv", "write_xprv"]

VERSION = 4
_MOST_STEPS = 100_000  # a chain of parents has a step for each ledger
_DIGITS = "0123456789ABCDEF"
_HEADER = (
    "ledger_index",
    "total_coins",
    "parent_hash",
    "transaction_hash",
    "account_hash",
    "parent_close_time",
    "close_time",
    "close_time_resolution",
    "close_flags",
)

Step = LedgerHeader | tuple[TreeKind, Node]
"""A header, or a tree with its kind."""


def check_xprv(
    document: bytes | Mapping[str, Any],
    trusted: Trusted,
    *,
    encoder: Encoder | None = None,
    decoder: Decoder | None = None,
) -> Proof:
    """Check a proof and return what it proves.

    Args:
        document: the JSON.
        trusted: publishers' master keys, with the network of each where it is known.
        encoder: makes bytes of the leaves; one with the bundled definitions without it.
        decoder: of the shape `"server"`, with the same definitions.

    Raises:
        TrustError: the proof does not hold; says why.
    """
    held = read_json(document) if isinstance(document, bytes) else document
    held = members(held, "the proof", ("format_version", "network_id", "steps"))
    if held["format_version"] != VERSION:
        raise Malformed(
            f"XPRV of version {held['format_version']!r:.20} cannot be read, only {VERSION}"
        )
    network_id = natural(held["network_id"], "network_id")
    rows = json_list(held["steps"], "steps")
    if not 1 < len(rows) <= _MOST_STEPS:
        raise Malformed(f"a proof has 2 to {_MOST_STEPS:,} steps, not {len(rows)}")
    leaves = _Leaves(encoder or Encoder(), decoder or Decoder(shape="server"))
    steps = [_step(row, number, leaves) for number, row in enumerate(rows[1:], 2)]
    anchor = _anchor(rows[0], steps[0])
    verdict = judge_anchor(anchor, trusted, network_id=network_id)
    return Proof("XPRV", anchor, verdict, _walk(anchor, steps))


def write_xprv(
    anchor: SignedLedger,
    steps: Sequence[Step],
    *,
    network_id: int,
    decoder: Decoder | None = None,
) -> bytes:
    """The JSON of a proof.

    The format has no place for manifests newer than the list, so validations by keys that the list
    does not have are left out.

    Args:
        anchor: the ledger that is signed.
        steps: what follows from it; the first is usually its header.
        decoder: of the shape `"server"`; one with the bundled definitions without it.

    Raises:
        NotProven: without those validations too few are left, or the ledger is signed without a list.
    """
    source = anchor.validator_list
    if source is None:
        raise NotProven("XPRV needs the list of a publisher; this ledger is signed without one")
    # The format has no place for manifests newer than the list, so only what counts without them
    # is written. The check is made again on that: a proof that others refuse must not be written.
    plain = SignedLedger(anchor.header, anchor.validations, source)
    validators = plain.validator_set({source.publisher})
    counted = tuple(
        each for each in anchor.validations if validators.keys.master_of(each.signing_key)
    )
    SignedLedger(anchor.header, counted, source).verdict({source.publisher}).require()
    using = decoder or Decoder(shape="server")
    first = {
        "type": "anchor",
        "ledger_hash": _hex(anchor.ledger_hash),
        "ledger_index": anchor.ledger_index,
        "unl": {
            "public_key": _hex(source.publisher),
            "manifest": _hex(source.publisher_manifest.data),
            "blob": _hex(source.blob),
            "signature": _hex(source.signature),
        },
        "validations": {_hex(each.signing_key): _hex(each.data) for each in counted},
    }
    rows = [first, *(_written(step, using) for step in steps)]
    return orjson.dumps({"format_version": VERSION, "network_id": network_id, "steps": rows})


def _anchor(row: Any, first: Step) -> SignedLedger:
    """The signed ledger. Its header is the step after it, and says when the ledger closed."""
    held = members(
        row, "step 1", ("type", "ledger_hash", "ledger_index", "unl", "validations"), ("summary",)
    )
    if held["type"] != "anchor":
        raise Malformed("the first step of a proof is not its anchor")
    if not isinstance(first, LedgerHeader):
        raise NotProven("the step after the anchor is not its header")
    unl = members(held["unl"], "unl", ("public_key", "manifest", "blob", "signature"))
    source = ValidatorList.from_signed(
        public_key=check_key(hex_bytes(unl["public_key"], "public_key of unl")),
        manifest=Manifest.from_bytes(hex_bytes(unl["manifest"], "manifest of unl")),
        blob=hex_bytes(unl["blob"], "blob of unl"),
        signature=hex_bytes(unl["signature"], "signature of unl"),
    )
    rows = members(held["validations"], "validations", (), tuple(held["validations"]))
    validations = {
        check_key(hex_bytes(key, "a key of validations", size=33)): Validation.from_bytes(
            hex_bytes(data, "a validation")
        )
        for key, data in rows.items()
    }
    check_owners((key, each.signing_key) for key, each in validations.items())
    if "summary" in held:
        summary = members(held["summary"], "summary", ("total_validations",))
        if summary["total_validations"] != len(rows):
            raise Malformed(f"the summary counts other validations than the {len(rows)} there are")
    named = (held["ledger_index"], hex_bytes(held["ledger_hash"], "ledger_hash", size=32))
    if named != (first.ledger_index, first.ledger_hash):
        raise NotProven(f"the header after the anchor is not that of ledger {named[0]!r:.20}")
    return SignedLedger(first, tuple(validations.values()), source)


def _step(row: Any, number: int, leaves: _Leaves) -> Step:
    what = f"step {number}"
    kind = row.get("type") if isinstance(row, dict) else None
    if kind == "ledger_header":
        header = members(members(row, what, ("type", "header"))["header"], what, _HEADER)
        return LedgerHeader(*header_fields(header, what, _HEADER))
    if kind == "map_proof":
        held = members(row, what, ("type", "tree", "trie"))
        if held["tree"] not in ("state", "tx"):
            raise Malformed(f"{what} has a tree of an unknown kind")
        return held["tree"], leaves.node(held["trie"], held["tree"], what, 0)
    raise Malformed(f"{what} is of an unknown type {kind!r:.20}")


def _walk(anchor: SignedLedger, steps: Sequence[Step]) -> tuple[ProvenLeaf, ...]:
    """Follow the steps from the anchor; what they prove, skip lists that lead on left out."""
    hashes = {anchor.ledger_hash: anchor.ledger_index}
    roots: dict[tuple[TreeKind, bytes], LedgerHeader] = {}
    proven: list[ProvenLeaf] = []
    for number, step in enumerate(steps, 2):
        if isinstance(step, LedgerHeader):
            if hashes.get(step.ledger_hash) != step.ledger_index:
                raise NotProven(
                    f"step {number}: nothing before it proves ledger {step.ledger_index}"
                )
            hashes[step.parent_hash] = step.ledger_index - 1
            roots["tx", step.transaction_hash] = step
            roots["state", step.account_hash] = step
            continue
        kind, root = step
        header = roots.get((kind, root_hash(root, kind)))
        if header is None:
            raise NotProven(f"step {number}: its tree is not that of a ledger before it")
        for leaf in read_tree_leaves(root):
            skips = SkipList.from_object(leaf.key, leaf.data) if kind == "state" else None
            # In the last step a skip list is what is to be proven; before, it is the way to an
            # older ledger.
            if skips is None or number == len(steps) + 1:
                proven.append(ProvenLeaf(kind, leaf, header))
            elif skips is not None:
                hashes.update((hash, index) for index, hash in skips.items())
    return tuple(proven)


class _Leaves:
    """Reads tries, whose leaves are JSON. Each must be exactly what its bytes decode to."""

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        self._encoder = encoder
        self._decoder = decoder

    def node(self, value: Any, kind: TreeKind, what: str, depth: int) -> Node:
        if isinstance(value, str):
            return hex_bytes(value, f"a hash in {what}", size=32)
        if isinstance(value, list):
            return self._leaf(value, kind, what)
        if not isinstance(value, dict) or depth > 64:
            raise Malformed(f"{what} has something in its trie that is not a node")
        children: dict[int, Node] = {}
        for name, child in value.items():
            if name == "__depth__":
                if child != depth or type(child) is not int:
                    raise Malformed(f"{what}: a node at depth {depth} says {child!r:.20}")
            elif len(name) == 1 and name in _DIGITS:
                children[int(name, 16)] = self.node(child, kind, what, depth + 1)
            else:
                raise Malformed(f"{what}: a node has a child {name!r:.20}")
        return children

    def _leaf(self, value: list[Any], kind: TreeKind, what: str) -> Leaf:
        if len(value) != 2:
            raise Malformed(f"{what}: a leaf has a key and its data")
        key = hex_bytes(value[0], f"the key of a leaf in {what}", size=32)
        place = f"the leaf {key.hex().upper():.16}... of {what}"
        held = dict(json_object(value[1], place))
        # The fixture of the format has the bytes and the key beside the fields.
        blob = held.pop("blob", None)
        name = "index" if kind == "state" else "hash"
        if name in held and hex_bytes(held.pop(name), f"{name} of {place}", size=32) != key:
            raise Malformed(f"{place} says that it has another {name}")
        if kind == "state":
            data = self._bytes(held, place)
        else:
            held = members(held, place, ("tx", "meta"))
            tx, meta = self._bytes(held["tx"], place), self._bytes(held["meta"], place)
            data = join_transaction(tx, meta)
        if blob is not None and hex_bytes(blob, f"blob of {place}") != data:
            raise Malformed(f"{place} has other bytes in blob than its fields have")
        return Leaf(key, data)

    def _bytes(self, fields: Any, place: str) -> bytes:
        held = json_object(fields, place)
        try:
            data = self._encoder.encode(held)
            # Any kind of object decodes the same way.
            again = self._decoder.ledger_object(data)
        except CodecError as error:
            raise Malformed(f"{place}: {error}") from None
        if again != held:
            names = [name for name in held if again.get(name) != held[name]]
            raise Malformed(f"{place} is not written as its bytes decode: {', '.join(names)}")
        return data


def _written(step: Step, decoder: Decoder) -> dict[str, Any]:
    if isinstance(step, LedgerHeader):
        fields = {name: getattr(step, name) for name in _HEADER}
        header = {
            name: _hex(value) if isinstance(value, bytes) else value
            for name, value in fields.items()
        }
        header["total_coins"] = str(step.total_coins)
        return {"type": "ledger_header", "header": header}
    kind, root = step
    return {"type": "map_proof", "tree": kind, "trie": _trie(root, kind, decoder)}


def _trie(node: Node, kind: TreeKind, decoder: Decoder) -> Any:
    if isinstance(node, bytes):
        return _hex(node)
    if isinstance(node, Leaf):
        if kind == "state":
            name, fields = "index", decoder.ledger_object(node.data)
        else:
            tx, meta = split_transaction(node.data)
            name = "hash"
            fields = {"tx": decoder.transaction(tx), "meta": decoder.metadata(meta)}
        return [_hex(node.key), {**fields, name: _hex(node.key), "blob": _hex(node.data)}]
    return {_DIGITS[digit]: _trie(child, kind, decoder) for digit, child in sorted(node.items())}


def _hex(data: bytes) -> str:
    return data.hex().upper()
