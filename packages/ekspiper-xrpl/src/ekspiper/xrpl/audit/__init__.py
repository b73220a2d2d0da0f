"""Audits files of records that were written before."""

from .audit import AuditReport as AuditReport
from .audit import audit as audit
from .encoding import encode_record as encode_record
