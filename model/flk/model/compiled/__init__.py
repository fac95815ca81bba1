"""`examine` in C, for speed: the reference stays in Python, and whatever C does not know is handed back to it."""
