"""What a simulation stands on: simulated time and its queues, programs run effect by effect, random numbers by key, the trace.

Nothing here knows a region, a fault or an invariant.
"""
