"""The data directory of a node from outside: checked, backed up and restored, whether a node has it open or not.

Nothing here writes into a directory in which a node may be at work.
"""
