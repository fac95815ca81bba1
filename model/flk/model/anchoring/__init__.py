"""Anchors of checkpoints: which, and how often (ANC-*). Pure functions; who asks for anchors is in `impl`."""
