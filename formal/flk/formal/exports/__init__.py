"""Protocols in the languages of other model checkers, and those checkers as oracles.

Murphi for rumur, Promela for Spin, TLA+ for TLC. Exports are printed from the expression trees, not from the ground form that our
engines share, so that an agreement of state counts says something about both.
"""
