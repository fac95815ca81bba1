"""Explicit-state exploration: instances at chosen sizes, every reachable state, shortest counterexamples, progress.

No solver, and nothing of how results are shown.
"""
