"""What can be derived from a transaction and its metadata. Pure functions, no I/O."""

from .ctid import ctid as ctid
from .ctid import parse_ctid as parse_ctid
from .delivered_amount import UNAVAILABLE as UNAVAILABLE
from .delivered_amount import delivered_amount as delivered_amount
from .times import ripple_time as ripple_time
from .times import times as times
from .times import to_datetime as to_datetime
