"""The command line: one file for each command."""

from .start import main as main
