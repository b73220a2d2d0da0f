"""Prometheus metrics of the records that pass by."""

from .metric import Metric as Metric
from .metric_rule import MetricRule as MetricRule

__all__ = ["Metric", "MetricRule"]
