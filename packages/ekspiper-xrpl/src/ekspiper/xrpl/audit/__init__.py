"""Audits files of records that were written before."""

from ._original import encode_record as encode_record
from .audit import AuditReport as AuditReport
from .audit import audit as audit
from .tables import read_table as read_table
