"""Schemas of all records, compiled from the definitions, and their exports."""

from .formats import Formats as Formats
from .misfit import Misfit as Misfit
from .model import Field as Field
from .model import Schema as Schema
from .rules import Rules as Rules
