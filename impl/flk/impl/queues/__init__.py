"""Queues of audit tasks that outlive the processes that work on them: in a file, in PostgreSQL, in Redis (AUD-1, AUD-6, AUD-7)."""
