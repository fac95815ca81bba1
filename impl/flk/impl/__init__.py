"""The real runtime: stores, server, agent and the `flk` command."""
