"""Reads a whole recording through three nodes with faults of every kind, again and again."""
