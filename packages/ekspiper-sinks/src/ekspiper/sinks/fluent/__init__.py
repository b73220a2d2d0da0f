"""The Fluent forward protocol with acknowledgements. Needs `ekspiper-sinks[fluent]`."""

from .fluent import Fluent as Fluent

__all__ = ["Fluent"]
