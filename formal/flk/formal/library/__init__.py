"""What is written in the language: the protocols of the lab, the refuted designs, and the catalogue that knows them by name.

Nothing here knows an engine: a protocol says what may happen and what must hold, and nothing of how that is checked.
"""
