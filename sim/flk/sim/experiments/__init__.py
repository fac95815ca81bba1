"""Many runs: on all cores, over parameters and seeds, in search of a violation, and back from a string to the run it names."""
