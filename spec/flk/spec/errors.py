"""The one exception for input that a person gave and cannot be used."""


class UnusableInput(ValueError):
    """A scenario, key file, trace or data file is unusable. The message names the file, the line or field, and the mend.

    The command prints it as one message and exits with 2.
    """
