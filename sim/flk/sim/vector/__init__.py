"""The vector tier: requests as arrays between control events, exact for the scenarios that it accepts and refused for all others.

Control events (passes of shipping and replay, clocks, faults) are those of the message tier; only requests are computed here.
"""
