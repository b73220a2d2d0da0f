"""What proves a ledger's hash: keys, manifests, lists, validations, and proofs made of them.

Pure values and functions: nothing here opens a socket or a file, or looks at a clock.
"""

from .errors import BadSignature as BadSignature
from .errors import KeyConflict as KeyConflict
from .errors import Malformed as Malformed
from .errors import NotProven as NotProven
from .errors import TrustError as TrustError
from .header_chain import HeaderChain as HeaderChain
from .key_book import KeyBook as KeyBook
from .keys import is_signed_by as is_signed_by
from .keys import key_text as key_text
from .keys import read_key as read_key
from .manifest import Manifest as Manifest
from .manifest import decode_base64 as decode_base64
from .manifest import encode_base64 as encode_base64
from .proof import Proof as Proof
from .proof import ProvenLeaf as ProvenLeaf
from .proof import Trusted as Trusted
from .proof_check import check_proof as check_proof
from .pruned_tree import Leaf as Leaf
from .pruned_tree import Node as Node
from .pruned_tree import TreeKind as TreeKind
from .pruned_tree import join_transaction as join_transaction
from .pruned_tree import prune as prune
from .pruned_tree import read_tree as read_tree
from .pruned_tree import read_tree_leaves as read_tree_leaves
from .pruned_tree import root_hash as root_hash
from .pruned_tree import split_transaction as split_transaction
from .pruned_tree import trim as trim
from .pruned_tree import written_tree as written_tree
from .signed_ledger import SignedLedger as SignedLedger
from .signed_ledger import read_header as read_header
from .skip_list import SkipList as SkipList
from .state_pruner import StatePruner as StatePruner
from .tally import Counted as Counted
from .tally import ValidationTally as ValidationTally
from .validation import Validation as Validation
from .validator_list import ValidatorList as ValidatorList
from .validator_list import read_validator_lists as read_validator_lists
from .validator_set import ValidatorSet as ValidatorSet
from .validator_set import Verdict as Verdict
from .validator_set import quorum_of as quorum_of
from .xpop import write_xpop as write_xpop
from .xprv import Step as Step
from .xprv import write_xprv as write_xprv

__all__ = [
    "BadSignature",
    "Counted",
    "HeaderChain",
    "KeyBook",
    "KeyConflict",
    "Leaf",
    "Malformed",
    "Manifest",
    "Node",
    "NotProven",
    "Proof",
    "ProvenLeaf",
    "SignedLedger",
    "SkipList",
    "StatePruner",
    "Step",
    "TreeKind",
    "TrustError",
    "Trusted",
    "Validation",
    "ValidationTally",
    "ValidatorList",
    "ValidatorSet",
    "Verdict",
    "check_proof",
    "decode_base64",
    "encode_base64",
    "is_signed_by",
    "join_transaction",
    "key_text",
    "prune",
    "quorum_of",
    "read_header",
    "read_key",
    "read_tree",
    "read_tree_leaves",
    "read_validator_lists",
    "root_hash",
    "split_transaction",
    "trim",
    "write_xpop",
    "write_xprv",
    "written_tree",
]
