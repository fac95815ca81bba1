"""An extension of griffe: examples in docstrings become fenced blocks, which Markdown would take for quotations."""

import re

import griffe

_EXAMPLE = re.compile(r"^>>> .*?(?=\n[ ]*\n|\Z)", re.DOTALL | re.MULTILINE)


class Doctests(griffe.Extension):
    """Fences every example of every docstring."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(docstring: str) -> str:
    r"""A docstring with its examples in fenced blocks.

    >>> fenced("One.\n\n>" + ">> 1\n1").splitlines()
    ['One.', '', '```pycon', '>>> 1', '1', '```']
    """
    return _EXAMPLE.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```", docstring)
