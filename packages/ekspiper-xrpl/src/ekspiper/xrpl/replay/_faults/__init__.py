"""What a node does wrong, and when."""

from .faulty_answers import faulty_answer as faulty_answer
from .injector import Injector as Injector
from .injector import RateLimit as RateLimit

__all__ = ["Injector", "RateLimit", "faulty_answer"]
