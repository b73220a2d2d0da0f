"""XPOP (XLS-41): the proof of one transaction in a ledger that is signed itself.

Xahau imports such proofs: there the JSON stands in hex in the field `Blob` of an Import.

Source: https://github.com/XRPLF/XRPL-Standards/discussions/107
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ekspiper.xrpl.codec import LedgerHeader, transaction_id

from ._json import header_fields, hex_bytes, json_object, members, read_json
from .errors import BadSignature, Malformed, NotProven
from .keys import key_text, read_key
from .manifest import encode_base64
from .proof import Proof, ProvenLeaf, Trusted, check_owners, judge_anchor
from .pruned_tree import Leaf, Node, join_transaction, root_hash, split_transaction
from .signed_ledger import SignedLedger
from .validation import Validation
from .validator_list import read_validator_lists

__all__ = ["check_xpop", "write_xpop"]

_HEADER = ("index", "coins", "phash", "txroot", "acroot", "pclose", "close", "cres", "flags")
_DIGITS = "0123456789ABCDEF"
_ZERO = "0" * 64


def check_xpop(document: bytes | Mapping[str, Any], trusted: Trusted) -> Proof:
    """Check a proof and return what it proves.

    Args:
        document: the JSON, or an Import transaction that has it in its `Blob`.
        trusted: publishers' master keys.

    Raises:
        TrustError: the proof does not hold; says why.
    """
    held: Any = read_json(document) if isinstance(document, bytes) else document
    if "Blob" in held:
        held = read_json(hex_bytes(held["Blob"], "Blob"))
    held = members(held, "the proof", ("ledger", "transaction", "validation"))
    ledger = members(held["ledger"], "ledger", _HEADER)
    header = LedgerHeader(*header_fields(ledger, "ledger", _HEADER))
    leaf = _leaf(held["transaction"], header)
    anchor = _anchor(held["validation"], header)
    verdict = judge_anchor(anchor, trusted, network_id=None)
    return Proof("XPOP", anchor, verdict, (ProvenLeaf("tx", leaf, header),))


def write_xpop(anchor: SignedLedger, tree: Node, leaf: Leaf) -> bytes:
    """The JSON of a proof of one transaction of a signed ledger.

    Args:
        anchor: the ledger that the transaction is in.
        tree: its transactions, pruned to the leaf.
        leaf: the transaction.

    Raises:
        NotProven: too few validators signed by the keys that the list names.
    """
    source = anchor.validator_list
    if source is None:
        raise NotProven("XPOP needs the list of a publisher; this ledger is signed without one")
    # The format has no place for manifests newer than the list, so only what counts without them
    # is written. The check is made again on that: a proof that others refuse must not be written.
    plain = SignedLedger(anchor.header, anchor.validations, source)
    keys = plain.validator_set({source.publisher}).keys
    counted = tuple(each for each in anchor.validations if keys.master_of(each.signing_key))
    SignedLedger(anchor.header, counted, source).verdict({source.publisher}).require()
    tx, meta = split_transaction(leaf.data)
    header = anchor.header
    proof = {
        "ledger": {
            "index": header.ledger_index,
            "coins": str(header.total_coins),
            "phash": _hex(header.parent_hash),
            "txroot": _hex(header.transaction_hash),
            "acroot": _hex(header.account_hash),
            "pclose": header.parent_close_time,
            "close": header.close_time,
            "cres": header.close_time_resolution,
            "flags": header.close_flags,
        },
        "transaction": {"blob": _hex(tx), "meta": _hex(meta), "proof": _written(tree, "")},
        "validation": {
            "data": {key_text(each.signing_key): _hex(each.data) for each in counted},
            "unl": {
                "public_key": _hex(source.publisher),
                "manifest": encode_base64(source.publisher_manifest.data),
                "blob": encode_base64(source.blob),
                "signature": _hex(source.signature),
                "version": 1,
            },
        },
    }
    return orjson.dumps(proof)


def _leaf(value: Any, header: LedgerHeader) -> Leaf:
    held = members(value, "transaction", ("blob", "meta", "proof"))
    tx = hex_bytes(held["blob"], "blob of transaction")
    meta = hex_bytes(held["meta"], "meta of transaction")
    leaf = Leaf(transaction_id(tx), join_transaction(tx, meta))
    if held["proof"] == [] or isinstance(held["proof"], str):
        raise Malformed("proof of transaction is not a tree")
    tree, found = _Tree(leaf).read(held["proof"])
    if not found:
        raise NotProven("the transaction is not in its proof")
    if root_hash(tree, "tx") != header.transaction_hash:
        raise NotProven("the proof of the transaction does not lead to txroot of the ledger")
    return leaf


class _Tree:
    """Reads the tree of a proof, in either of its forms: lists of 16, or objects with children."""

    def __init__(self, leaf: Leaf) -> None:
        self._leaf = leaf
        self._hash = leaf.hash("tx")
        self._found = False

    def read(self, value: Any) -> tuple[Node, bool]:
        """The tree, and whether the leaf is in it."""
        return self._node(value, ""), self._found

    def _node(self, value: Any, prefix: str) -> Node:
        if len(prefix) > 64:
            raise Malformed("the proof is deeper than 64")
        if isinstance(value, str):
            return self._end(hex_bytes(value, "a hash in the proof", size=32), prefix)
        if isinstance(value, list):
            if len(value) != 16:
                raise Malformed(f"an inner node has 16 children, not {len(value)}")
            return {
                digit: self._node(child, prefix + _DIGITS[digit])
                for digit, child in enumerate(value)
            }
        held = members(value, "a node of the proof", ("children", "hash", "key"))
        stated = hex_bytes(held["hash"], "hash of a node", size=32)
        key = hex_bytes(held["key"], "key of a node", size=32).hex().upper()
        children = json_object(held["children"], "children of a node")
        if not children:
            if not key.startswith(prefix):
                raise Malformed(f"the node {key} hangs at {prefix}")
            if stated == self._hash and key != self._leaf.key.hex().upper():
                raise Malformed("the transaction stands under another key in its proof")
            return self._end(stated, prefix)
        if key not in (_ZERO, prefix.ljust(64, "0")):
            raise Malformed(f"an inner node has the key {key}")
        if any(len(name) != 1 or name not in _DIGITS for name in children):
            raise Malformed("a child is not named by one hex digit")
        node: Node = {
            int(name, 16): self._node(child, prefix + name) for name, child in children.items()
        }
        if root_hash(node, "tx") != stated:
            raise NotProven(f"the node {key} does not have the hash that it states")
        return node

    def _end(self, hash: bytes, prefix: str) -> Node:
        """A hash where the tree is cut, or where the transaction hangs."""
        if hash == self._hash and self._leaf.key.hex().upper().startswith(prefix):
            self._found = True
        return hash


def _anchor(value: Any, header: LedgerHeader) -> SignedLedger:
    held = members(value, "validation", ("data", "unl"))
    unl = members(held["unl"], "unl", ("public_key", "manifest", "blob", "signature"), ("version",))
    # `read_validator_lists` takes keys in base58 and mixed hex as well, and a proof has one form.
    for name in ("public_key", "signature"):
        hex_bytes(unl[name], f"{name} of unl")
    (source,) = read_validator_lists({"version": 1, **unl})
    masters = {
        manifest.master: manifest.signing_key
        for manifest in source.manifests
        if manifest.signing_key is not None
    }
    validations: list[Validation] = []
    owners: list[tuple[bytes, bytes]] = []
    for name, data in json_object(held["data"], "data of validation").items():
        named = read_key(name)
        validation = Validation.from_bytes(hex_bytes(data, "a validation"))
        owners.append((masters.get(named, named), validation.signing_key))
        validations.append(validation)
    check_owners(owners)
    # With two keys, an old one and a new one, a validator could otherwise stand in a proof twice.
    if len({owner for owner, _ in owners}) != len(owners):
        raise BadSignature("a validator signed twice in one proof")
    return SignedLedger(header, tuple(validations), source)


def _written(node: Node, prefix: str) -> dict[str, Any]:
    if isinstance(node, bytes):
        return {"children": {}, "hash": _hex(node), "key": prefix.ljust(64, "0")}
    if isinstance(node, Leaf):
        return {"children": {}, "hash": _hex(node.hash("tx")), "key": _hex(node.key)}
    children = {
        _DIGITS[digit]: _written(child, prefix + _DIGITS[digit])
        for digit, child in sorted(node.items())
    }
    # An inner hash follows from the children, which carry their own.
    hashes = {digit: bytes.fromhex(children[_DIGITS[digit]]["hash"]) for digit in node}
    return {
        "children": children,
        "hash": _hex(root_hash(hashes, "tx")),
        "key": prefix.ljust(64, "0"),
    }


def _hex(data: bytes) -> str:
    return data.hex().upper()
