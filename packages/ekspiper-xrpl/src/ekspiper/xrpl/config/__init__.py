"""The configuration of the daemon: TOML, environment and command line, validated whole."""

from .collectors import CollectorTable as CollectorTable
from .collectors import make_collector as make_collector
from .load import collector_tables as collector_tables
from .load import dead_letter_table as dead_letter_table
from .load import load_settings as load_settings
from .mistakes import Mistakes as Mistakes
from .settings import RECORDS as RECORDS
from .settings import HttpSettings as HttpSettings
from .settings import NodeSettings as NodeSettings
from .settings import PipelineSettings as PipelineSettings
from .settings import Settings as Settings
