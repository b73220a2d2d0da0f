"""The Fluent forward protocol with acknowledgements: needs `ekspiper-sinks[fluent]`."""

from .collector import Fluent as Fluent

__all__ = ["Fluent"]
