"""JSON lines in files: rotation, compression, repair after a crash, exactly once."""

from .json_lines import JsonLines as JsonLines

__all__ = ["JsonLines"]
