"""Everything to test a pipeline with.

The contract suites need pytest, so they are imported by their names: `source_contract`,
`processor_contract`, `collector_contract`.
"""

from . import _contracts as _contracts
from .faulty_collector import Fail as Fail
from .faulty_collector import Fault as Fault
from .faulty_collector import FaultyCollector as FaultyCollector
from .faulty_collector import Half as Half
from .faulty_collector import Hang as Hang
from .faulty_collector import Kept as Kept
from .faulty_collector import Slow as Slow
from .list_source import Abort as Abort
from .list_source import End as End
from .list_source import ListSource as ListSource
from .list_source import Pause as Pause
from .memory_checkpoint import MemoryCheckpoint as MemoryCheckpoint
from .recording_collector import RecordingCollector as RecordingCollector
from .recording_instruments import RecordingInstruments as RecordingInstruments
from .recoverable_collector import CommittingCollector as CommittingCollector
from .recoverable_collector import RecoverableCollector as RecoverableCollector
from .virtual_clock import Deadlock as Deadlock
from .virtual_clock import VirtualClockLoop as VirtualClockLoop
from .virtual_clock import run_until_idle as run_until_idle
from .virtual_clock import run_virtual as run_virtual

__all__ = [
    "Abort",
    "CommittingCollector",
    "Deadlock",
    "End",
    "Fail",
    "Fault",
    "FaultyCollector",
    "Half",
    "Hang",
    "Kept",
    "ListSource",
    "MemoryCheckpoint",
    "Pause",
    "RecordingCollector",
    "RecordingInstruments",
    "RecoverableCollector",
    "Slow",
    "VirtualClockLoop",
    "run_until_idle",
    "run_virtual",
]
