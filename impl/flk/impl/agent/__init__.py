"""The agent: reads data, summarises it window by window, signs the records and delivers them through an outbox."""

WORKERS = 8  # submissions in flight at once
