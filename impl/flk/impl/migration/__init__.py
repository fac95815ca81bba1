"""Moving keys to a shard that is added to a ring, while nodes go on serving: what `flk migrate` does (MIG-*).

The steps are the program `flk.model.programs.migration.migrate`; here its effects are performed on the stores.
"""
