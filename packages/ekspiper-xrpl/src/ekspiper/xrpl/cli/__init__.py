"""The command line: one file for each command."""

from .app import main as main
