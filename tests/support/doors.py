"""What every room's door promises: each exported name is documented, with an example that runs on the exported names alone."""

import doctest
import inspect
from types import ModuleType

SHORTEST = 80
"""Characters of a docstring below which it cannot say meaning, units, errors and an example."""


def undocumented(module: ModuleType) -> list[str]:
    """What `module.__all__` leaves unsaid, a line for each name: no docstring, one that says too little, or one without example.

    A value that is neither function nor class (a constant, an instance) is documented by its class.
    """
    return [f"{module.__name__}.{name}: {what}" for name in _names(module) if (what := _missing(getattr(module, name)))]


def failing_examples(module: ModuleType) -> list[str]:
    """The examples of exported names, and of their public methods, that do not give what they say; each with doctest's report.

    An example sees the exported names of the module and nothing else, as after `from module import *`.
    """
    exported = {name: getattr(module, name) for name in _names(module)}
    finder, options = doctest.DocTestFinder(exclude_empty=True), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed: list[str] = []
    for name, value in exported.items():
        documented = value if _own_documentation(value) else type(value)
        for test in finder.find(documented, name, module=False, globs=dict(exported)):
            report: list[str] = []
            if doctest.DocTestRunner(verbose=False, optionflags=options).run(test, out=report.append).failed:
                failed.append(f"{module.__name__}.{test.name}:\n{''.join(report)}")
    return failed


def _names(module: ModuleType) -> list[str]:
    names = list(module.__all__)
    assert names, f"{module.__name__} exports nothing: list its names in __all__"
    return names


def _own_documentation(value: object) -> bool:
    return inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)


def _missing(value: object) -> str:
    documented = value if _own_documentation(value) else type(value)
    own = (
        vars(documented).get("__doc__") if inspect.isclass(documented) else documented.__doc__
    )  # not that of a base class
    text = inspect.cleandoc(own or "")
    if not text or (
        inspect.isclass(documented) and text.startswith(f"{documented.__name__}(")
    ):  # a dataclass writes its own
        return "no docstring"
    if len(text) < SHORTEST:
        return f"a docstring of {len(text)} characters says too little"
    return "" if ">>> " in text else "no example"
