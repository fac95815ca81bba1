"""Transition systems of the service: states, guarded actions, and the properties claimed of them."""
