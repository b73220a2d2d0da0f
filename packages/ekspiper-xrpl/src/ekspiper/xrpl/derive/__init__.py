"""What can be derived from a transaction and its metadata. Pure functions, no I/O."""

from .balance_changes import balance_changes as balance_changes
from .ctid import ctid as ctid
from .ctid import parse_ctid as parse_ctid
from .currency_name import CurrencyName as CurrencyName
from .currency_name import currency_name as currency_name
from .delivered_amount import UNAVAILABLE as UNAVAILABLE
from .delivered_amount import delivered_amount as delivered_amount
from .errors import MALFORMED as MALFORMED
from .errors import DerivationError as DerivationError
from .errors import error_text as error_text
from .flags import account_set_flag as account_set_flag
from .flags import ledger_entry_flags as ledger_entry_flags
from .flags import transaction_flags as transaction_flags
from .mpt_issuance_id import issuance_id as issuance_id
from .mpt_issuance_id import mpt_issuance_id as mpt_issuance_id
from .nftokens import nftoken_fields as nftoken_fields
from .nftokens import nftoken_moves as nftoken_moves
from .pools import Pool as Pool
from .pools import pools_touched as pools_touched
from .times import ripple_time as ripple_time
from .times import times as times
from .times import to_datetime as to_datetime
from .trades import trades as trades
