"""The agent: reads data, and delivers signed records through a durable outbox, each at least once.

How a window of points becomes a record is in `flk.model`; so are the programs that queue and deliver. Only the reading of
Parquet needs an extra.
"""

WORKERS = 8  # submissions in flight at once
