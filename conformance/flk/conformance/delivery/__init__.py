"""Trying a sender: a scripted server, what it plays, and what the sender's outbox must make of it (OUT-*)."""
