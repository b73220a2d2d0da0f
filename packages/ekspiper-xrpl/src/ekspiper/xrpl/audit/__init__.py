"""Audits files of records that were written before."""

from ._tables import is_warehouse as is_warehouse
from ._tables import read_table as read_table
from .audit import AuditReport as AuditReport
from .audit import audit as audit
from .encode_record import encode_record as encode_record

__all__ = [
    "AuditReport",
    "audit",
    "encode_record",
    "is_warehouse",
    "read_table",
]
