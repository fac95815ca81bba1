"""The programs of the model, as they stand in the code."""

import inspect

from flk.model.programs.ingest import ingest as program
from flkdocs.markdown import code


def ingest() -> str:
    """The program that answers a submission."""
    return code(inspect.getsource(program), "python")
