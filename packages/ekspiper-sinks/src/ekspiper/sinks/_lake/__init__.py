"""What tables of a data lake have in common, whatever their format."""

from .lake_collector import LakeCollector as LakeCollector
from .lake_schema import LEDGER as LEDGER
from .lake_schema import ROW as ROW
from .lake_schema import canonical as canonical
from .lake_schema import lake_schema as lake_schema
from .lake_schema import records_in_order as records_in_order
from .lake_table import LakeTable as LakeTable
from .lake_table import row_as_json as row_as_json
from .lake_table import row_from_json as row_from_json

__all__ = [
    "LEDGER",
    "ROW",
    "LakeCollector",
    "LakeTable",
    "canonical",
    "lake_schema",
    "records_in_order",
    "row_as_json",
    "row_from_json",
]
