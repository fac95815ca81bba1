"""What must hold: requirements, schemas, constants, metric tables and vectors. Imports no other room."""

__version__ = "0.2.0"
