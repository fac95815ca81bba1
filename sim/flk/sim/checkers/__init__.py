"""The invariants, checked at every event that could break them and at the end. Checkers read a run and never change it."""
