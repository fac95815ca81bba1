"""What must hold: requirements, schemas, constants, metric tables and vectors. Imports no other room."""

from importlib.metadata import version

__version__ = version("flk-lab")
