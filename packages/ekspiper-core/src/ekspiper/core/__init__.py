"""Asyncio data pipelines with end-to-end receipts."""

from . import registry as registry
from ._runner import Receipt as Receipt
from ._runner import Receipts as Receipts
from ._runner import Report as Report
from ._runner import Run as Run
from ._runner import RunOptions as RunOptions
from ._runner import Statistics as Statistics
from ._runner import Status as Status
from .checkpoint import Adoption as Adoption
from .checkpoint import Checkpoint as Checkpoint
from .checkpoint import CommitPolicy as CommitPolicy
from .checkpoint import FileCheckpoint as FileCheckpoint
from .checkpoint import FlowState as FlowState
from .checkpoint import Progress as Progress
from .collector import BatchPolicy as BatchPolicy
from .collector import Collector as Collector
from .collector import Encoding as Encoding
from .collector import Measured as Measured
from .collector import Recoverable as Recoverable
from .collector import State as State
from .component import Component as Component
from .dead_letter import DeadLetter as DeadLetter
from .dead_letter import DeadLetterFile as DeadLetterFile
from .errors import BatchError as BatchError
from .errors import CheckpointError as CheckpointError
from .errors import ConfigError as ConfigError
from .errors import DrainTimeout as DrainTimeout
from .errors import EkspiperError as EkspiperError
from .errors import FlowFailed as FlowFailed
from .errors import MissingExtra as MissingExtra
from .errors import Permanent as Permanent
from .errors import PipelineError as PipelineError
from .errors import ProcessingError as ProcessingError
from .errors import ReceiptError as ReceiptError
from .errors import Retryable as Retryable
from .errors import ShapeChanged as ShapeChanged
from .errors import Throttled as Throttled
from .errors import UnknownComponent as UnknownComponent
from .errors import is_retryable as is_retryable
from .failure_log import FailureLog as FailureLog
from .failure_log import Reminder as Reminder
from .files import FileLock as FileLock
from .files import in_thread as in_thread
from .files import replace_file as replace_file
from .files import sync_folder as sync_folder
from .flow import Delivery as Delivery
from .flow import Flow as Flow
from .flow import Step as Step
from .instruments import METRICS as METRICS
from .instruments import Instrument as Instrument
from .instruments import Instruments as Instruments
from .instruments import Metric as Metric
from .instruments import MetricKind as MetricKind
from .instruments import NoInstruments as NoInstruments
from .instruments import NoTracer as NoTracer
from .instruments import OpenTelemetryTracer as OpenTelemetryTracer
from .instruments import Tracer as Tracer
from .json_line import AsyncBlockProcessor as AsyncBlockProcessor
from .json_line import Block as Block
from .json_line import BlockCollector as BlockCollector
from .json_line import BlockProcessor as BlockProcessor
from .json_line import ColumnReader as ColumnReader
from .json_line import JsonLine as JsonLine
from .json_line import LineBlock as LineBlock
from .json_line import LineCollector as LineCollector
from .json_line import LineProcessor as LineProcessor
from .pipeline import Pipeline as Pipeline
from .processor import FunctionProcessor as FunctionProcessor
from .processor import PassThrough as PassThrough
from .processor import Processor as Processor
from .processor import processor as processor
from .queue import Queue as Queue
from .retry import RetryPolicy as RetryPolicy
from .retry import retrying as retrying
from .secret import Secret as Secret
from .signals import SIGNALS as SIGNALS
from .signals import draining_on_signals as draining_on_signals
from .signals import free_signals as free_signals
from .source import IterableSource as IterableSource
from .source import Position as Position
from .source import Source as Source

__all__ = [
    "METRICS",
    "SIGNALS",
    "Adoption",
    "AsyncBlockProcessor",
    "BatchError",
    "BatchPolicy",
    "Block",
    "BlockCollector",
    "BlockProcessor",
    "Checkpoint",
    "CheckpointError",
    "Collector",
    "ColumnReader",
    "CommitPolicy",
    "Component",
    "ConfigError",
    "DeadLetter",
    "DeadLetterFile",
    "Delivery",
    "DrainTimeout",
    "EkspiperError",
    "Encoding",
    "FailureLog",
    "FileCheckpoint",
    "FileLock",
    "Flow",
    "FlowFailed",
    "FlowState",
    "FunctionProcessor",
    "Instrument",
    "Instruments",
    "IterableSource",
    "JsonLine",
    "LineBlock",
    "LineCollector",
    "LineProcessor",
    "Measured",
    "Metric",
    "MetricKind",
    "MissingExtra",
    "NoInstruments",
    "NoTracer",
    "OpenTelemetryTracer",
    "PassThrough",
    "Permanent",
    "Pipeline",
    "PipelineError",
    "Position",
    "ProcessingError",
    "Processor",
    "Progress",
    "Queue",
    "Receipt",
    "ReceiptError",
    "Receipts",
    "Recoverable",
    "Reminder",
    "Report",
    "RetryPolicy",
    "Retryable",
    "Run",
    "RunOptions",
    "Secret",
    "ShapeChanged",
    "Source",
    "State",
    "Statistics",
    "Status",
    "Step",
    "Throttled",
    "Tracer",
    "UnknownComponent",
    "draining_on_signals",
    "free_signals",
    "in_thread",
    "is_retryable",
    "processor",
    "registry",
    "replace_file",
    "retrying",
    "sync_folder",
]
