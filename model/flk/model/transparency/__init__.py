"""Transparency logs as others write and check them: signed notes, checkpoints, tiles (TLOG-*, C2SP)."""
