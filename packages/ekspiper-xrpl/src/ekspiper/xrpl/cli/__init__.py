"""The command line: `main` is the console script `ekspiper`, each command its own file."""

from .main import collect_garbage_rarely as collect_garbage_rarely
from .main import main as main

__all__ = ["collect_garbage_rarely", "main"]
