"""What fills the pages of the site that stand in `../pages`.

What lives here: functions from the code, from the tables of `spec` and from the guides of the rooms to Markdown; the plan of the
imports and its drawing; what runs the snippets of pages. Facts do not live here; they are read where they stand. Nothing in the six
rooms imports this package, and it is not part of the distribution.
"""

from pathlib import Path

ROOT = Path(__file__).parents[3]
"""The checkout."""
