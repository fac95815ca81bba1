"""Mutants of protocols: operators on the source of actions and initial values, and the checks that the lab has for protocols."""
