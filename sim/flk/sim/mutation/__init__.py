"""Mutants of Python: of programs, of parts of the model, of the simulator's nodes, and of how policies are followed.

Here are the operators on Python source and the checks that a mutant is put to; mutants, findings and the ladder of checks are
those of `flk.formal.mutation`. Nothing here knows what a mutant breaks.
"""
