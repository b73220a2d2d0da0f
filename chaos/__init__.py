"""Kills running pipelines and counts what is left: `python -m chaos`, or `hatch run dev:chaos`."""
