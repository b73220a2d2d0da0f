"""What a node does wrong, and when."""

from .faulty_answers import faulty_answer as faulty_answer
from .faulty_answers import faulty_testimony as faulty_testimony
from .forged_chain import ForgedChain as ForgedChain
from .injector import Injector as Injector
from .injector import RateLimit as RateLimit

__all__ = ["ForgedChain", "Injector", "RateLimit", "faulty_answer", "faulty_testimony"]
