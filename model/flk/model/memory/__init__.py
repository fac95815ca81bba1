"""A runtime in which every effect takes place at once, on values in memory; tests and the simulator are built on its parts."""
