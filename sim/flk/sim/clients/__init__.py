"""Who sends: agents with their outboxes, the arrivals that give them work, the records they are given, and who replays those."""
