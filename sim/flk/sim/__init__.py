"""Scenarios, faults, the simulated runtime, measures and reports."""
