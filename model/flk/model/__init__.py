"""The reference implementation: pure functions, and programs that yield effects. Performs no I/O."""
