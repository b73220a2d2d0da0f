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
from .export import schema_names as schema_names
from .formats import Formats as Formats
from .json_schema import json_schema as json_schema
from .json_schema import transactions_json_schema as transactions_json_schema
from .misfit import Misfit as Misfit
from .model import Field as Field
from .model import Schema as Schema
from .postgres import postgres_column as postgres_column
from .postgres import postgres_columns as postgres_columns
from .postgres import postgres_ddl as postgres_ddl
from .show import schema_rows as schema_rows
from .show import schema_text as schema_text
