"""The agent: reads data, summarises it window by window, signs the records and delivers them through an outbox."""

SEED = 42  # of coh_star's directions, where nobody chooses another
WORKERS = 8  # submissions in flight at once
