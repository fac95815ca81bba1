"""The engines that search a state space: interpreter, NumPy, Numba and C, equal in counts, layers and counterexamples."""
