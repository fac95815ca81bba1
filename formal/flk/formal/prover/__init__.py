"""The prover: protocols for any number of elements in their index sorts, decided by Z3, and small counterexamples where they fail."""
