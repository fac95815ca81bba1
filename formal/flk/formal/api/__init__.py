"""What a user types: the functions of `flk.formal` and the results they give. No other folder of the room imports from here.

Results show themselves: as text in a terminal, as HTML in a notebook, as rows of a data frame. What is heavy (NumPy, Z3, Numba) is
imported when a function is called.
"""
