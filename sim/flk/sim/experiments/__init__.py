"""Many runs: sweeps over parameters and seeds, hunts for a violation, shrinking, replay from a string, the check of determinism.

Experiments call `simulate` and read finished runs; they do not look inside a run. Intervals come from `statistics`.
"""
