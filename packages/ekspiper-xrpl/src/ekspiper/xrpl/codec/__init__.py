"""The binary format of the XRP Ledger: decoding, encoding, headers, hashes and trees. Pure functions."""

from ._compiled_codec import implementation as implementation
from .address import decode_address as decode_address
from .address import encode_address as encode_address
from .decoder import Decoder as Decoder
from .decoder import Shape as Shape
from .decoder import ends_early as ends_early
from .decoder import transaction_index as transaction_index
from .definitions import Definitions as Definitions
from .definitions import DefinitionsError as DefinitionsError
from .definitions import Field as Field
from .definitions import FormatField as FormatField
from .encoder import Encoder as Encoder
from .errors import CodecError as CodecError
from .hashes import encode_length as encode_length
from .hashes import sha512half as sha512half
from .hashes import transaction_id as transaction_id
from .header import RIPPLE_EPOCH as RIPPLE_EPOCH
from .header import LedgerHeader as LedgerHeader
from .header import ripple_time_iso as ripple_time_iso
from .readers import read_length as read_length
from .shamap import StateTreeFold as StateTreeFold
from .shamap import Subtree as Subtree
from .shamap import differing_subtrees as differing_subtrees
from .shamap import join_subtrees as join_subtrees
from .shamap import state_root as state_root
from .shamap import transaction_root as transaction_root
