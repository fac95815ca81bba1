"""Cases of every operation, drawn by Hypothesis: only what the texts decide, and only inputs that break at most one rule."""

from typing import Any

from hypothesis.strategies import SearchStrategy

from flk.conformance.cases import bodies, clocks, drawing, forms, logs, nodes, notes, places, points, policies, trees

CASES: dict[str, SearchStrategy[dict[str, Any]]] = {
    **forms.CASES,
    **bodies.CASES,
    **points.CASES,
    **trees.CASES,
    **clocks.CASES,
    **logs.CASES,
    **places.CASES,
    **drawing.CASES,
    **notes.CASES,
    **policies.CASES,
    **nodes.CASES,
}
"""The inputs of each operation, as JSON has them."""
