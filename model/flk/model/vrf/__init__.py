"""A verifiable random function: what a key alone can compute, and everybody can check (VRF-*, RFC 9381). No I/O, no chance."""
