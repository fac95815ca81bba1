"""The prover: protocols with any number of elements in their index sorts, decided by Z3, and small counterexamples."""
