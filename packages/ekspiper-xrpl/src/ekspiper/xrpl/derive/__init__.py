"""What can be derived from a transaction and its metadata. Pure functions, no I/O."""

from .balance import BALANCE_NODES as BALANCE_NODES
from .balance import balance_changes as balance_changes
from .delivery import DELIVERING as DELIVERING
from .delivery import UNAVAILABLE as UNAVAILABLE
from .delivery import delivered_amount as delivered_amount
from .delivery import delivers_in_full as delivers_in_full
from .delivery import in_record_shape as in_record_shape
from .errors import MALFORMED as MALFORMED
from .errors import DerivationError as DerivationError
from .errors import error_text as error_text
from .flags import account_set_flag as account_set_flag
from .flags import ledger_entry_flags as ledger_entry_flags
from .flags import transaction_flags as transaction_flags
from .identifiers import ctid as ctid
from .identifiers import issuance_id as issuance_id
from .identifiers import mpt_issuance_id as mpt_issuance_id
from .identifiers import parse_ctid as parse_ctid
from .names import CurrencyName as CurrencyName
from .names import currency_name as currency_name
from .names import shorten as shorten
from .nftokens import nftoken_fields as nftoken_fields
from .nftokens import nftoken_moves as nftoken_moves
from .pools import POOL_FLAGS as POOL_FLAGS
from .pools import POOL_NODES as POOL_NODES
from .pools import Pool as Pool
from .pools import pools_touched as pools_touched
from .time import TIME_FIELDS as TIME_FIELDS
from .time import UNIX_TIME_FIELDS as UNIX_TIME_FIELDS
from .time import ripple_time as ripple_time
from .time import times as times
from .time import to_datetime as to_datetime
from .trade import LIQUIDITY as LIQUIDITY
from .trade import TRADE_NODES as TRADE_NODES
from .trade import trades as trades

__all__ = [
    "BALANCE_NODES",
    "DELIVERING",
    "LIQUIDITY",
    "MALFORMED",
    "POOL_FLAGS",
    "POOL_NODES",
    "TIME_FIELDS",
    "TRADE_NODES",
    "UNAVAILABLE",
    "UNIX_TIME_FIELDS",
    "CurrencyName",
    "DerivationError",
    "Pool",
    "account_set_flag",
    "balance_changes",
    "ctid",
    "currency_name",
    "delivered_amount",
    "delivers_in_full",
    "error_text",
    "in_record_shape",
    "issuance_id",
    "ledger_entry_flags",
    "mpt_issuance_id",
    "nftoken_fields",
    "nftoken_moves",
    "parse_ctid",
    "pools_touched",
    "ripple_time",
    "shorten",
    "times",
    "to_datetime",
    "trades",
    "transaction_flags",
]
