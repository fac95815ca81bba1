"""Proofs of protocols for any sizes: the encoding into Z3, obligations, counterexamples to induction, mutants, inference of lemmas.

What is proved of which protocol is in `proofs`.
"""
