"""What the code knows, in pages that people write: `{{ tables.alerts }}` is what `flkdocs.tables.alerts()` returns."""

import re
from importlib import import_module

_PLACEHOLDER = re.compile(r"\{\{ (\w+)\.(\w+) \}\}")


def filled(text: str) -> str:
    """A page with its placeholders filled. Raises AttributeError or ImportError for one that nothing fills."""
    return _PLACEHOLDER.sub(lambda found: str(getattr(import_module(f"flkdocs.{found[1]}"), found[2])()), text)
