"""Protocols drawn at random, and what the prover, bounded search and the explorer say of each: where they differ, one is wrong."""
