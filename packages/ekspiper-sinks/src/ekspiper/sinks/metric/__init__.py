"""Prometheus metrics of the records that pass by."""

from .collector import Metric as Metric
from .rule import MetricRule as MetricRule

__all__ = ["Metric", "MetricRule"]
