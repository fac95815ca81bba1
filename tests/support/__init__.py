"""What tests share: small worlds, generators, planted faults, peers and servers, a folder for each room."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The repository."""
