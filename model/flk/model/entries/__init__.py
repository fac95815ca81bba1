"""What a store keeps of records: entries, their join, tiers, the audit queue, the ring, keys on the move. Knows no requests."""
