"""Makes recordings that the replay node can serve."""

from .recorder import recorder_pipeline as recorder_pipeline
from .server import record_server as record_server
