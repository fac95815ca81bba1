"""How a run or a sweep is shown: in the terminal, as HTML, as figures, for the Perfetto viewer, as progress while it goes.

Nothing is measured or judged here; every number comes from `measures`, `checkers` or `experiments`.
"""
