"""Records as Arrow and back, without loss: what no column can hold goes to `_rest`, as JSON."""

from .encoder import Encoder as Encoder
from .line_reader import LineReader as LineReader
from .line_reader import encoded_apart as encoded_apart
from .line_reader import has_blocks as has_blocks
from .line_reader import plain_records as plain_records
from .line_reader import rows_in_order as rows_in_order
from .pyarrow_import import arrow as arrow
from .pyarrow_import import arrow_parquet as arrow_parquet
from .records import records_of as records_of
from .schema_evolution import conflict as conflict
from .schema_evolution import grown_table as grown_table
from .schema_evolution import with_rest as with_rest
from .shape import JSON as JSON
from .shape import PYTHON as PYTHON
from .shape import REST as REST
from .shape import Shape as Shape
from .shape import arrow_schema as arrow_schema
from .shape import is_json as is_json
from .shape import is_python as is_python
from .shape import shape_of_schema as shape_of_schema
from .shape import widened as widened

__all__ = [
    "JSON",
    "PYTHON",
    "REST",
    "Encoder",
    "LineReader",
    "Shape",
    "arrow",
    "arrow_parquet",
    "arrow_schema",
    "conflict",
    "encoded_apart",
    "grown_table",
    "has_blocks",
    "is_json",
    "is_python",
    "plain_records",
    "records_of",
    "rows_in_order",
    "shape_of_schema",
    "widened",
    "with_rest",
]
