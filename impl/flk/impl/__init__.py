"""The real runtime: programs on files, SQLite, object stores and HTTP, the agent, key files, and the `flk` command.

Behaviour that a requirement speaks of is in `flk.model`; here it meets a disk, a network and a clock. Only `command` may import
`flk.sim` and `flk.conformance`.
"""
