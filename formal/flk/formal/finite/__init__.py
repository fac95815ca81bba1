"""Protocols at chosen sizes: finite instances, and what each engine makes of them."""
