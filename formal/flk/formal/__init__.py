"""Invariants as machine-checked theorems, each beside a mutant that the same check refutes."""
