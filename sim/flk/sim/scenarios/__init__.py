"""What is asked of a run: scenarios as frozen values, read from TOML or built in Python, validated, and named by a content hash.

Here live scenarios, faults, hypotheses, objectives, the vocabulary of names that a scenario may use, and the library of drills.
Nothing that runs a scenario lives here: this folder imports no other folder of the simulator.
"""
