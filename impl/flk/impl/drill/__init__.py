"""A drill on real processes: nodes, an object store and what lies between them, a schedule of what goes wrong, and what came of it.

Plain values go in (`plan`) and come out (`report`); nothing here knows the simulator.
"""
