"""The parts of the world that outlive a node: disks, stores and their shards, the network, clocks, queues; and their events.

One observer hands the events on. Nothing here runs a program.
"""
