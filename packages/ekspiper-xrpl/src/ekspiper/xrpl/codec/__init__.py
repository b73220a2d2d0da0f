"""The binary format of the XRP Ledger: decoding, encoding, headers, hashes and trees. Pure functions."""

from ._compiled_codec import implementation as implementation
from ._compiled_codec import line_reader as line_reader
from ._compiled_codec import line_writer as line_writer
from ._compiled_codec import table_reader as table_reader
from .address import AddressCache as AddressCache
from .address import decode_address as decode_address
from .address import encode_address as encode_address
from .decoder import Decoder as Decoder
from .decoder import Shape as Shape
from .decoder import ends_early as ends_early
from .decoder import transaction_index as transaction_index
from .definitions import Conflict as Conflict
from .definitions import Definitions as Definitions
from .definitions import DefinitionsError as DefinitionsError
from .definitions import Field as Field
from .definitions import FormatField as FormatField
from .encoder import Encoder as Encoder
from .errors import CodecError as CodecError
from .field_table import UNRECOGNIZED as UNRECOGNIZED
from .field_table import FieldTable as FieldTable
from .field_table import unknown_field as unknown_field
from .header import RIPPLE_EPOCH as RIPPLE_EPOCH
from .header import LedgerHeader as LedgerHeader
from .header import ripple_time_iso as ripple_time_iso
from .length import encode_length as encode_length
from .length import read_length as read_length
from .node_filter import NodeFilter as NodeFilter
from .sha512 import sha512half as sha512half
from .sha512 import transaction_id as transaction_id
from .transaction_blobs import TransactionBlobs as TransactionBlobs
from .tree import StateTreeFold as StateTreeFold
from .tree import Subtree as Subtree
from .tree import differing_subtrees as differing_subtrees
from .tree import join_subtrees as join_subtrees
from .tree import state_root as state_root
from .tree import transaction_root as transaction_root
from .tree import transaction_tree_root as transaction_tree_root

__all__ = [
    "RIPPLE_EPOCH",
    "UNRECOGNIZED",
    "AddressCache",
    "CodecError",
    "Conflict",
    "Decoder",
    "Definitions",
    "DefinitionsError",
    "Encoder",
    "Field",
    "FieldTable",
    "FormatField",
    "LedgerHeader",
    "NodeFilter",
    "Shape",
    "StateTreeFold",
    "Subtree",
    "TransactionBlobs",
    "decode_address",
    "differing_subtrees",
    "encode_address",
    "encode_length",
    "ends_early",
    "implementation",
    "join_subtrees",
    "line_reader",
    "line_writer",
    "read_length",
    "ripple_time_iso",
    "sha512half",
    "state_root",
    "table_reader",
    "transaction_id",
    "transaction_index",
    "transaction_root",
    "transaction_tree_root",
    "unknown_field",
]
