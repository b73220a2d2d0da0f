"""Schemas of all records, compiled from the definitions, and their exports."""

from .attributes import Attribute as Attribute
from .attributes import AttributeTable as AttributeTable
from .decoded_rules import DecodedRules as DecodedRules
from .formats import Formats as Formats
from .json_rules import JsonRules as JsonRules
from .misfit import Misfit as Misfit
from .model import Field as Field
from .model import Schema as Schema
