"""Explicit-state engines: the same breadth-first search, from the readable to the fast."""
