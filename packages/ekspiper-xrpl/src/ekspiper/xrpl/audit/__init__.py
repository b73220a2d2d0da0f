"""Audits files of records that were written before."""

from ._tables import read_table as read_table
from .audit import AuditReport as AuditReport
from .audit import audit as audit
from .encode_record import encode_record as encode_record

__all__ = [
    "AuditReport",
    "audit",
    "encode_record",
    "read_table",
]
