"""The configuration of the daemon: TOML, environment and command line, validated whole."""

from .collector_table import RECORDS as RECORDS
from .collector_table import CollectorTable as CollectorTable
from .load import load_settings as load_settings
from .mistakes import Mistakes as Mistakes
from .settings import HttpSettings as HttpSettings
from .settings import NodeSettings as NodeSettings
from .settings import PipelineSettings as PipelineSettings
from .settings import Settings as Settings

__all__ = [
    "RECORDS",
    "CollectorTable",
    "HttpSettings",
    "Mistakes",
    "NodeSettings",
    "PipelineSettings",
    "Settings",
    "load_settings",
]
