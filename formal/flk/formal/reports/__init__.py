"""How explorations and proofs are shown: in a terminal, in a notebook, on a page, as JSON.

Nothing is computed here that a verdict needs.
"""
