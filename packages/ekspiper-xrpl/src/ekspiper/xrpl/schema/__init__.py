"""Schemas of all records, compiled from the definitions, and their exports."""

from .arrow import arrow_schema as arrow_schema
from .arrow import arrow_table as arrow_table
from .attributes import Attribute as Attribute
from .attributes import AttributeTable as AttributeTable
from .bigquery import bigquery_schema as bigquery_schema
from .decoded_rules import DecodedRules as DecodedRules
from .diff import Difference as Difference
from .diff import diff as diff
from .export import EXPORTS as EXPORTS
from .export import export_schema as export_schema
from .export import find_schema as find_schema
from .export import schema_for as schema_for
from .export import schema_names as schema_names
from .field_types import NAMED_FIELDS as NAMED_FIELDS
from .formats import Formats as Formats
from .inner_objects import ARRAY_ELEMENTS as ARRAY_ELEMENTS
from .inner_objects import INNER_FORMATS as INNER_FORMATS
from .inner_objects import NODE_OBJECTS as NODE_OBJECTS
from .json_schema import json_schema as json_schema
from .json_schema import transactions_json_schema as transactions_json_schema
from .line_columns import LineColumns as LineColumns
from .misfit import Misfit as Misfit
from .misfit import Path as Path
from .misfit import Problem as Problem
from .misfit import path_text as path_text
from .misfit import put_back as put_back
from .misfit import stranger as stranger
from .misfit import unrecognized as unrecognized
from .postgres import postgres_column as postgres_column
from .postgres import postgres_columns as postgres_columns
from .postgres import postgres_ddl as postgres_ddl
from .record_lines import RecordLines as RecordLines
from .schema import Field as Field
from .schema import Schema as Schema
from .schema import schema_rows as schema_rows
from .schema import schema_text as schema_text
from .schema import text_columns as text_columns

__all__ = [
    "ARRAY_ELEMENTS",
    "EXPORTS",
    "INNER_FORMATS",
    "NAMED_FIELDS",
    "NODE_OBJECTS",
    "Attribute",
    "AttributeTable",
    "DecodedRules",
    "Difference",
    "Field",
    "Formats",
    "LineColumns",
    "Misfit",
    "Path",
    "Problem",
    "RecordLines",
    "Schema",
    "arrow_schema",
    "arrow_table",
    "bigquery_schema",
    "diff",
    "export_schema",
    "find_schema",
    "json_schema",
    "path_text",
    "postgres_column",
    "postgres_columns",
    "postgres_ddl",
    "put_back",
    "schema_for",
    "schema_names",
    "schema_rows",
    "schema_text",
    "stranger",
    "text_columns",
    "transactions_json_schema",
    "unrecognized",
]
